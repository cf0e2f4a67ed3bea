import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.PrivateKey;
import java.security.Security;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.KeyAgreement;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.EnvelopedData;
import org.bouncycastle.asn1.cms.KeyAgreeRecipientInfo;
import org.bouncycastle.asn1.cms.RecipientEncryptedKey;
import org.bouncycastle.asn1.cms.RecipientInfo;
import org.bouncycastle.asn1.cms.ecc.ECCCMSSharedInfo;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.CMSSignedDataStreamGenerator;
import org.bouncycastle.cms.KEKRecipientInformation;
import org.bouncycastle.cms.Recipient;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.SignerInfoGenerator;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceKEKEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.crypto.digests.SHA256Digest;
import org.bouncycastle.crypto.generators.HKDFBytesGenerator;
import org.bouncycastle.crypto.generators.KDF2BytesGenerator;
import org.bouncycastle.crypto.params.HKDFParameters;
import org.bouncycastle.crypto.params.KDFParameters;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.util.CollectionStore;
import org.bouncycastle.util.Pack;
import org.bouncycastle.util.Store;

/**
 * Bouncy Castle's CMS classes from the command line, one operation after the other, a line of answer for each:
 *
 *     CmsMessages OPERATION...
 *
 *     verify IN OUT                              content of a SignedData whose signers all verify; prints its type
 *     sign TYPE IN KEY.pem CERTIFICATE ALGORITHM definite|indefinite OUT   SignedData with signed attributes
 *     open IN KEY.pem|KEK-HEX OUT                content of an EnvelopedData; prints its types; the name of the file of
 *                                                an X25519 key ends in .x25519.pem
 *     wrap IN OUT                                a bare SignedData, as it stands in an envelope, in its ContentInfo
 *
 * All messages and certificates are DER or BER.
 */
public class CmsMessages {
    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Iterator<String> words = List.of(arguments).iterator();
        while (words.hasNext()) {
            String operation = words.next();
            switch (operation) {
                case "verify" -> System.out.println(verify(read(words.next()), words.next()));
                case "sign" -> sign(words);
                case "open" -> System.out.println(open(read(words.next()), words.next(), words.next()));
                case "wrap" -> wrap(read(words.next()), words.next());
                default -> throw new IllegalArgumentException(operation);
            }
        }
    }

    private static byte[] read(String path) throws Exception {
        return Files.readAllBytes(Path.of(path));
    }

    private static PrivateKey readKey(String path) throws Exception {
        try (PEMParser parser = new PEMParser(new StringReader(Files.readString(Path.of(path))))) {
            return new JcaPEMKeyConverter().setProvider("BC").getPrivateKey((PrivateKeyInfo) parser.readObject());
        }
    }

    private static String verify(byte[] message, String out) throws Exception {
        CMSSignedData signed = new CMSSignedData(message);
        Store<X509CertificateHolder> certificates = signed.getCertificates();
        Collection<SignerInformation> signers = signed.getSignerInfos().getSigners();
        if (signers.isEmpty()) throw new IllegalStateException("nobody signed");
        for (SignerInformation signer : signers) {
            Collection<?> matches = certificates.getMatches(signer.getSID());
            X509CertificateHolder certificate = (X509CertificateHolder) matches.iterator().next();
            if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate)))
                throw new IllegalStateException("the signature does not verify");
        }
        Files.write(Path.of(out), (byte[]) signed.getSignedContent().getContent());
        return signed.getSignedContentTypeOID();
    }

    private static void sign(Iterator<String> words) throws Exception {
        ASN1ObjectIdentifier type = new ASN1ObjectIdentifier(words.next());
        byte[] content = read(words.next());
        PrivateKey key = readKey(words.next());
        X509CertificateHolder certificate = new X509CertificateHolder(read(words.next()));
        ContentSigner signer = new JcaContentSignerBuilder(words.next()).setProvider("BC").build(key);
        SignerInfoGenerator info = new JcaSignerInfoGeneratorBuilder(
                new JcaDigestCalculatorProviderBuilder().setProvider("BC").build()).build(signer, certificate);
        Store<X509CertificateHolder> certificates = new CollectionStore<>(List.of(certificate));
        boolean indefinite = words.next().equals("indefinite");
        Path out = Path.of(words.next());
        if (indefinite) {
            CMSSignedDataStreamGenerator generator = new CMSSignedDataStreamGenerator();
            generator.setBufferSize(16);
            generator.addSignerInfoGenerator(info);
            generator.addCertificates(certificates);
            try (var file = Files.newOutputStream(out); var stream = generator.open(type, file, true, null)) {
                stream.write(content);
            }
        } else {
            CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
            generator.addSignerInfoGenerator(info);
            generator.addCertificates(certificates);
            Files.write(out, generator.generate(new CMSProcessableByteArray(type, content), true).getEncoded("DER"));
        }
        System.out.println("signed");
    }

    private static String open(byte[] message, String key, String out) throws Exception {
        CMSEnvelopedData enveloped = new CMSEnvelopedData(message);
        List<RecipientInformation> recipients = new ArrayList<>(enveloped.getRecipientInfos().getRecipients());
        RecipientInformation recipient = recipients.get(0);
        byte[] content = key.endsWith(".x25519.pem")
                ? openX25519(enveloped.toASN1Structure(), readKey(key))
                : recipient.getContent(recipientOf(recipient, key));
        Files.write(Path.of(out), content);
        return ContentInfo.getInstance(message).getContentType().getId() + " "
                + EnvelopedData.getInstance(enveloped.toASN1Structure().getContent())
                        .getEncryptedContentInfo().getContentType().getId();
    }

    private static Recipient recipientOf(RecipientInformation recipient, String key) throws Exception {
        if (recipient instanceof KEKRecipientInformation)
            return new JceKEKEnvelopedRecipient(new SecretKeySpec(HexFormat.of().parseHex(key), "AES"))
                    .setProvider("BC");
        PrivateKey privateKey = readKey(key);
        return privateKey.getAlgorithm().equals("RSA")
                ? new JceKeyTransEnvelopedRecipient(privateKey).setProvider("BC")
                : new JceKeyAgreeEnvelopedRecipient(privateKey).setProvider("BC");
    }

    /** Bouncy Castle 1.72 has the parts of RFC 8418, but does not put them together. */
    private static byte[] openX25519(ContentInfo message, PrivateKey privateKey) throws Exception {
        EnvelopedData enveloped = EnvelopedData.getInstance(message.getContent());
        KeyAgreeRecipientInfo info = KeyAgreeRecipientInfo.getInstance(
                RecipientInfo.getInstance(enveloped.getRecipientInfos().getObjectAt(0)).getInfo());
        var originator = info.getOriginator().getOriginatorKey();
        KeyAgreement agreement = KeyAgreement.getInstance("X25519", "BC");
        agreement.init(privateKey);
        agreement.doPhase(new JcaPEMKeyConverter().setProvider("BC").getPublicKey(
                new SubjectPublicKeyInfo(originator.getAlgorithm(), originator.getPublicKey().getBytes())), true);
        AlgorithmIdentifier wrap = AlgorithmIdentifier.getInstance(info.getKeyEncryptionAlgorithm().getParameters());
        byte[] ukm = info.getUserKeyingMaterial() == null ? null : info.getUserKeyingMaterial().getOctets();
        byte[] shared = new ECCCMSSharedInfo(wrap, ukm, Pack.intToBigEndian(256)).getEncoded("DER");
        byte[] key = new byte[32];
        if (info.getKeyEncryptionAlgorithm().getAlgorithm().getId().startsWith("1.2.840")) {
            HKDFBytesGenerator hkdf = new HKDFBytesGenerator(new SHA256Digest());
            hkdf.init(new HKDFParameters(agreement.generateSecret(), null, shared));
            hkdf.generateBytes(key, 0, key.length);
        } else {
            KDF2BytesGenerator x963 = new KDF2BytesGenerator(new SHA256Digest());
            x963.init(new KDFParameters(agreement.generateSecret(), shared));
            x963.generateBytes(key, 0, key.length);
        }
        Cipher unwrap = Cipher.getInstance("AESWrap", "BC");
        unwrap.init(Cipher.UNWRAP_MODE, new SecretKeySpec(key, "AES"));
        var encryptedKey = RecipientEncryptedKey.getInstance(info.getRecipientEncryptedKeys().getObjectAt(0));
        Key contentKey = unwrap.unwrap(encryptedKey.getEncryptedKey().getOctets(), "AES", Cipher.SECRET_KEY);
        var encrypted = enveloped.getEncryptedContentInfo();
        Cipher cipher = Cipher.getInstance("AES/CBC/PKCS5Padding", "BC");
        byte[] iv = ASN1OctetString.getInstance(encrypted.getContentEncryptionAlgorithm().getParameters()).getOctets();
        cipher.init(Cipher.DECRYPT_MODE, contentKey, new IvParameterSpec(iv));
        return cipher.doFinal(encrypted.getEncryptedContent().getOctets());
    }

    private static void wrap(byte[] signedData, String out) throws Exception {
        ASN1ObjectIdentifier type = new ASN1ObjectIdentifier("1.2.840.113549.1.7.2");
        Files.write(Path.of(out), new ContentInfo(type, ASN1Sequence.getInstance(signedData)).getEncoded("DER"));
        System.out.println("wrapped");
    }
}
