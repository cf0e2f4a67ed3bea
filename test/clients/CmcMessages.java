import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1GeneralizedTime;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Primitive;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.DEROctetString;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERSet;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.cmc.BodyPartID;
import org.bouncycastle.asn1.cmc.BodyPartList;
import org.bouncycastle.asn1.cmc.CMCFailInfo;
import org.bouncycastle.asn1.cmc.CMCObjectIdentifiers;
import org.bouncycastle.asn1.cmc.CMCStatus;
import org.bouncycastle.asn1.cmc.CMCStatusInfoV2;
import org.bouncycastle.asn1.cmc.CMCStatusInfoV2Builder;
import org.bouncycastle.asn1.cmc.CertificationRequest;
import org.bouncycastle.asn1.cmc.DecryptedPOP;
import org.bouncycastle.asn1.cmc.EncryptedPOP;
import org.bouncycastle.asn1.cmc.IdentityProofV2;
import org.bouncycastle.asn1.cmc.OtherMsg;
import org.bouncycastle.asn1.cmc.OtherStatusInfo;
import org.bouncycastle.asn1.cmc.PKIData;
import org.bouncycastle.asn1.cmc.PKIResponse;
import org.bouncycastle.asn1.cmc.PendInfo;
import org.bouncycastle.asn1.cmc.PopLinkWitnessV2;
import org.bouncycastle.asn1.cmc.RevokeRequest;
import org.bouncycastle.asn1.cmc.TaggedAttribute;
import org.bouncycastle.asn1.cmc.TaggedCertificationRequest;
import org.bouncycastle.asn1.cmc.TaggedContentInfo;
import org.bouncycastle.asn1.cmc.TaggedRequest;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.IssuerAndSerialNumber;
import org.bouncycastle.asn1.crmf.SubsequentMessage;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.CRLReason;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.ExtensionsGenerator;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.SubjectKeyIdentifier;
import org.bouncycastle.asn1.x509.SubjectPublicKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.crmf.CertificateRequestMessageBuilder;
import org.bouncycastle.cert.crmf.Control;
import org.bouncycastle.cert.jcajce.JcaX509ExtensionUtils;
import org.bouncycastle.cms.CMSEnvelopedData;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.RecipientInformation;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.cms.jcajce.JceKeyAgreeEnvelopedRecipient;
import org.bouncycastle.cms.jcajce.JceKeyTransEnvelopedRecipient;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;

/**
 * Makes Full PKI Requests and reads the answers with Bouncy Castle's CMC, CRMF and CMS classes. Reads commands from
 * standard input, one on a line, with fields divided by tabulators; prints "ok RESULT" or "error REASON" for each.
 *
 *     key NAME KIND                   a new key pair: P-256, P-384, RSA-2048, Ed25519 or X25519
 *     key-of NAME HEX                 an X25519 public key of these octets; there is no private key to it
 *     export NAME                     its private key, PKCS#8 in base64
 *     certificate NAME BASE64         keeps a certificate
 *     message FIELD=VALUE...          a Full PKI Request in base64; see Message
 *     pkcs10 KEY SUBJECT              a simple request in base64
 *     answer BASE64 ISSUER            checks the signature of a Full PKI Response, whose signer the certificate ISSUER must
 *                                     have issued with id-kp-cmcCA; prints what it says as JSON
 *     proof KEY BASE64                the answer to an EncryptedPOP, hexadecimal
 *     envelope BASE64                 the EnvelopedData of an EncryptedPOP, base64
 *     proof-of HEX BASE64             the answer to an EncryptedPOP whose value somebody else has decrypted
 */
public final class CmcMessages {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final ASN1ObjectIdentifier ID_ALG_NO_SIGNATURE = new ASN1ObjectIdentifier("1.3.6.1.5.5.7.6.2");
    private static final Map<String, ASN1ObjectIdentifier> HASHES = Map.of(
            "SHA-1", new ASN1ObjectIdentifier("1.3.14.3.2.26"), "SHA-256", NISTObjectIdentifiers.id_sha256,
            "SHA-384", NISTObjectIdentifiers.id_sha384, "SHA-512", NISTObjectIdentifiers.id_sha512);
    private static final Map<String, ASN1ObjectIdentifier> MACS = Map.of(
            "SHA-1", PKCSObjectIdentifiers.id_hmacWithSHA1, "SHA-256", PKCSObjectIdentifiers.id_hmacWithSHA256,
            "SHA-384", PKCSObjectIdentifiers.id_hmacWithSHA384, "SHA-512", PKCSObjectIdentifiers.id_hmacWithSHA512);

    private final Map<String, KeyPair> keys = new HashMap<>();
    private final Map<String, X509CertificateHolder> certificates = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        CmcMessages program = new CmcMessages();
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = input.readLine()) != null;) {
            String[] fields = line.split("\t", -1);
            try {
                System.out.println("ok " + program.run(fields[0], Arrays.copyOfRange(fields, 1, fields.length)));
            } catch (Exception problem) {
                System.out.println("error " + problem.toString().replaceAll("\\s+", " "));
            }
        }
    }

    private String run(String command, String[] fields) throws Exception {
        switch (command) {
            case "key" -> {
                keys.put(fields[0], generate(fields[1]));
                return "";
            }
            case "key-of" -> {
                byte[] encoded = HexFormat.of().parseHex("302a300506032b656e032100" + fields[1]);
                PublicKey key = KeyFactory.getInstance("X25519", "BC").generatePublic(new X509EncodedKeySpec(encoded));
                keys.put(fields[0], new KeyPair(key, null));
                return "";
            }
            case "export" -> {
                return base64(key(fields[0]).getPrivate().getEncoded());
            }
            case "certificate" -> {
                X509CertificateHolder certificate = new X509CertificateHolder(decode(fields[1]));
                certificates.put(fields[0], certificate);
                return certificate.getSerialNumber().toString(16);
            }
            case "message" -> {
                return base64(new Message(List.of(fields)).encode());
            }
            case "pkcs10" -> {
                return base64(request(fields[0], fields[1], null, null).getEncoded());
            }
            case "answer" -> {
                return describe(new CMSSignedData(decode(fields[0])), certificates.get(fields[1]));
            }
            case "proof" -> {
                EncryptedPOP challenge = EncryptedPOP.getInstance(decode(fields[1]));
                return prove(challenge, decrypt(challenge, key(fields[0]).getPrivate()));
            }
            case "envelope" -> {
                return base64(EncryptedPOP.getInstance(decode(fields[0])).getCms().getEncoded("DER"));
            }
            case "proof-of" -> {
                return prove(EncryptedPOP.getInstance(decode(fields[1])), HexFormat.of().parseHex(fields[0]));
            }
            default -> throw new IllegalArgumentException(command);
        }
    }

    /** KEY, SUBJECT and options of a certification request. */
    private record Wanted(long id, String key, String subject, List<String> options) {
    }

    /**
     * The fields of a message; those that are not told apart may stand several times.
     *
     *     signer=KEY,CERTIFICATE          signed by a certified key; key-identifier=yes names it by its key identifier
     *     self=KEY                        signed by a key of a request within; none=yes for no signature at all
     *     pkcs10=ID,KEY,SUBJECT[,OPTION]  OPTION: dns:NAME, ski:HEX, attribute:OID:TEXT,
     *                                      no-signature, no-link
     *     crmf=ID,KEY,SUBJECT,POP[,OPTION]  POP: signature, encipherment, agreement, ra, none; OPTION also issuer
     *     raw-pkcs10=ID,BASE64 other=ID   a request as it is; an orm
     *     secret=PASSWORD identification=TEXT hash=NAME random=HEX proof-secret=PASSWORD
     *     transaction=NUMBER nonce=HEX data=HEX
     *     revoke=CERTIFICATE,REASON[,SECRET[,TIME]] an empty SECRET is none
     *     query=HEX confirm=CERTIFICATE status=STATUS
     *     decrypted=ID,HEX batch=ID,ID... content=ID,BASE64 control=OID,BASE64 processed=ID[/ID]
     *     encoding=BER                    what Bouncy Castle makes by itself
     *     type=OID                        of the content, where it is to be another
     */
    private final class Message {
        private final List<String> fields;
        private final List<TaggedAttribute> controls = new ArrayList<>();
        private final List<TaggedRequest> requests = new ArrayList<>();
        private final List<TaggedContentInfo> contents = new ArrayList<>();
        private final List<OtherMsg> others = new ArrayList<>();
        private final byte[] linkRandom;

        Message(List<String> fields) {
            this.fields = fields;
            byte[] random = new byte[64];
            RANDOM.nextBytes(random);
            this.linkRandom = one("random") == null ? random : HexFormat.of().parseHex(one("random"));
        }

        byte[] encode() throws Exception {
            for (String field : fields) {
                String[] pair = field.split("=", 2);
                add(pair[0], pair[1]);
            }
            if (one("secret") != null || one("proof-secret") != null) addIdentityProof();
            PKIData data = new PKIData(controls.toArray(new TaggedAttribute[0]), requests.toArray(new TaggedRequest[0]),
                    contents.toArray(new TaggedContentInfo[0]), others.toArray(new OtherMsg[0]));
            CMSSignedDataGenerator generator = new CMSSignedDataGenerator();
            sign(generator);
            byte[] content = data.getEncoded(one("encoding") == null ? "DER" : "BER");
            ASN1ObjectIdentifier type = one("type") == null ? CMCObjectIdentifiers.id_cct_PKIData : id(one("type"));
            CMSSignedData signed = generator.generate(new CMSProcessableByteArray(type, content), true);
            return one("encoding") == null ? signed.toASN1Structure().getEncoded("DER") : signed.getEncoded();
        }

        private String one(String name) {
            return fields.stream().filter(field -> field.startsWith(name + "="))
                    .map(field -> field.substring(name.length() + 1)).findFirst().orElse(null);
        }

        private void add(String name, String value) throws Exception {
            String[] parts = value.split(",");
            switch (name) {
                case "pkcs10" -> requests.add(pkcs10(wanted(parts, 3)));
                case "raw-pkcs10" -> requests.add(new TaggedRequest(new TaggedCertificationRequest(
                        new BodyPartID(Long.parseLong(parts[0])), CertificationRequest.getInstance(decode(parts[1])))));
                case "crmf" -> requests.add(crmf(wanted(parts, 4), parts[3]));
                case "other" -> requests.add(TaggedRequest.getInstance(new org.bouncycastle.asn1.DERTaggedObject(false, 2,
                        new DERSequence(new ASN1Encodable[] {new BodyPartID(Long.parseLong(value)),
                                new ASN1ObjectIdentifier("1.2.3.4"), DERNull.INSTANCE}))));
                case "transaction" -> control(CMCObjectIdentifiers.id_cmc_transactionId, new ASN1Integer(new BigInteger(value)));
                case "nonce" -> control(CMCObjectIdentifiers.id_cmc_senderNonce, octets(value));
                case "data" -> control(CMCObjectIdentifiers.id_cmc_dataReturn, octets(value));
                case "identification" -> control(CMCObjectIdentifiers.id_cmc_identification, new DERUTF8String(value));
                case "query" -> control(CMCObjectIdentifiers.id_cmc_queryPending, octets(value));
                case "confirm" -> {
                    X509CertificateHolder certificate = certificates.get(value);
                    control(CMCObjectIdentifiers.id_cmc_confirmCertAcceptance,
                            new IssuerAndSerialNumber(certificate.getIssuer(), certificate.getSerialNumber()));
                }
                case "revoke" -> {
                    X509CertificateHolder certificate = certificates.get(parts[0]);
                    ASN1OctetString secret = parts.length < 3 || parts[2].isEmpty() ? null : new DEROctetString(utf8(parts[2]));
                    control(CMCObjectIdentifiers.id_cmc_revokeRequest, new RevokeRequest(certificate.getIssuer(),
                            new ASN1Integer(certificate.getSerialNumber()), CRLReason.lookup(Integer.parseInt(parts[1])),
                            parts.length < 4 ? null : new ASN1GeneralizedTime(parts[3]), secret,
                            new DERUTF8String("asked for by a test")));
                }
                case "decrypted" -> control(CMCObjectIdentifiers.id_cmc_decryptedPOP,
                        new DecryptedPOP(new BodyPartID(Long.parseLong(parts[0])), mac("SHA-256"),
                                HexFormat.of().parseHex(parts.length < 2 ? "" : parts[1])));
                case "batch" -> control(CMCObjectIdentifiers.id_cmc_batchRequests, new BodyPartList(ids(parts)));
                case "processed" -> {
                    BodyPartID[] path = ids(value.split("/"));
                    ASN1Encodable reference = path.length == 1 ? path[0] : new DERSequence(path);
                    control(CMCObjectIdentifiers.id_cmc_controlProcessed, new DERSequence(new DERSequence(reference)));
                }
                case "status" -> control(CMCObjectIdentifiers.id_cmc_statusInfoV2,
                        new CMCStatusInfoV2Builder(CMCStatus.failed, new BodyPartID(1))
                                .setOtherInfo(CMCFailInfo.popFailed).build());
                case "content" -> contents.add(new TaggedContentInfo(new BodyPartID(Long.parseLong(parts[0])),
                        ContentInfo.getInstance(decode(parts[1]))));
                case "control" -> control(new ASN1ObjectIdentifier(parts[0]), ASN1Primitive.fromByteArray(decode(parts[1])));
                default -> {
                    // Read where it is needed.
                }
            }
        }

        private Wanted wanted(String[] parts, int options) {
            return new Wanted(Long.parseLong(parts[0]), parts[1], parts[2],
                    List.of(parts).subList(options, parts.length));
        }

        private void control(ASN1ObjectIdentifier type, ASN1Encodable value) {
            controls.add(new TaggedAttribute(new BodyPartID(101 + controls.size()), type, new DERSet(value)));
        }

        private TaggedRequest pkcs10(Wanted wanted) throws Exception {
            PKCS10CertificationRequest request = request(wanted.key, wanted.subject, wanted.options, link(wanted));
            return new TaggedRequest(new TaggedCertificationRequest(new BodyPartID(wanted.id),
                    CertificationRequest.getInstance(request.getEncoded())));
        }

        private TaggedRequest crmf(Wanted wanted, String pop) throws Exception {
            KeyPair pair = key(wanted.key);
            CertificateRequestMessageBuilder builder = new CertificateRequestMessageBuilder(BigInteger.valueOf(wanted.id))
                    .setSubject(new X500Name(wanted.subject)).setPublicKey(publicKey(pair));
            ExtensionsGenerator extensions = extensions(pair, wanted.options);
            for (ASN1ObjectIdentifier type : extensions.generate().getExtensionOIDs())
                builder.addExtension(type, false, extensions.generate().getExtension(type).getParsedValue());
            if (wanted.options.contains("issuer")) builder.setIssuer(certificates.get("issuer").getSubject());
            PopLinkWitnessV2 link = link(wanted);
            if (link != null) builder.addControl(asControl(id("1.3.6.1.5.5.7.7.33"), link));
            for (String[] attribute : attributes(wanted.options))
                builder.addControl(asControl(id(attribute[1]), new DERUTF8String(attribute[2])));
            switch (pop) {
                case "signature" -> builder.setProofOfPossessionSigningKeySigner(signer(pair.getPrivate()));
                case "encipherment" -> builder.setProofOfPossessionSubsequentMessage(2, SubsequentMessage.challengeResp);
                case "agreement" -> builder.setProofOfPossessionSubsequentMessage(3, SubsequentMessage.challengeResp);
                case "encrypted-certificate" ->
                    builder.setProofOfPossessionSubsequentMessage(2, SubsequentMessage.encrCert);
                case "ra" -> builder.setProofOfPossessionRaVerified();
                default -> {
                    // None.
                }
            }
            return new TaggedRequest(builder.build().toASN1Structure());
        }

        /** RFC 5272 section 6.3.1.1. */
        private PopLinkWitnessV2 link(Wanted wanted) throws Exception {
            String secret = one("secret");
            if (secret == null || wanted.options.contains("no-link")) return null;
            byte[] witness = witness(secret, linkRandom);
            return new PopLinkWitnessV2(hash(), mac(hashName()), witness);
        }

        /** RFC 5272 section 6.2.1, over the reqSequence as it will stand. */
        private void addIdentityProof() throws Exception {
            String secret = one("proof-secret") == null ? one("secret") : one("proof-secret");
            String identification = one("identification");
            byte[] octets = new DERSequence(requests.toArray(new TaggedRequest[0])).getEncoded("DER");
            byte[] witness = witness(identification == null ? secret : secret + identification, octets);
            control(id("1.3.6.1.5.5.7.7.34"), new IdentityProofV2(hash(), mac(hashName()), witness));
            control(CMCObjectIdentifiers.id_cmc_popLinkRandom, new DEROctetString(linkRandom));
        }

        private byte[] witness(String secret, byte[] octets) throws Exception {
            byte[] key = MessageDigest.getInstance(hashName()).digest(utf8(secret));
            return hmac(hashName(), key, octets);
        }

        private String hashName() {
            return one("hash") == null ? "SHA-256" : one("hash");
        }

        private AlgorithmIdentifier hash() {
            return new AlgorithmIdentifier(HASHES.get(hashName()));
        }

        private void sign(CMSSignedDataGenerator generator) throws Exception {
            JcaSignerInfoGeneratorBuilder builder =
                    new JcaSignerInfoGeneratorBuilder(new JcaDigestCalculatorProviderBuilder().build());
            if (one("self") != null) {
                KeyPair pair = key(one("self"));
                generator.addSignerInfoGenerator(builder.build(signer(pair.getPrivate()), keyIdentifier(pair)));
            }
            if (one("signer") == null) return;
            String[] signer = one("signer").split(",");
            KeyPair pair = key(signer[0]);
            X509CertificateHolder certificate = certificates.get(signer[1]);
            generator.addSignerInfoGenerator(one("key-identifier") == null
                    ? builder.build(signer(pair.getPrivate()), certificate)
                    : builder.build(signer(pair.getPrivate()), keyIdentifier(pair)));
            if (one("without-certificate") == null) generator.addCertificate(certificate);
        }
    }

    private PKCS10CertificationRequest request(String name, String subject, List<String> options, PopLinkWitnessV2 link)
            throws Exception {
        KeyPair pair = key(name);
        JcaPKCS10CertificationRequestBuilder builder =
                new JcaPKCS10CertificationRequestBuilder(new X500Name(subject), pair.getPublic());
        List<String> given = options == null ? List.of() : options;
        builder.addAttribute(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest, extensions(pair, given).generate());
        if (link != null) builder.addAttribute(id("1.3.6.1.5.5.7.7.33"), link);
        for (String[] attribute : attributes(given))
            builder.addAttribute(id(attribute[1]), new DERUTF8String(attribute[2]));
        return builder.build(given.contains("no-signature") ? new NoSignature() : signer(pair.getPrivate()));
    }

    private static List<String[]> attributes(List<String> options) {
        return options.stream().filter(option -> option.startsWith("attribute:"))
                .map(option -> option.split(":", 3)).toList();
    }

    /** RFC 5272 appendix C.1. */
    private static final class NoSignature implements ContentSigner {
        private final java.io.ByteArrayOutputStream content = new java.io.ByteArrayOutputStream();

        @Override
        public AlgorithmIdentifier getAlgorithmIdentifier() {
            return new AlgorithmIdentifier(ID_ALG_NO_SIGNATURE, DERNull.INSTANCE);
        }

        @Override
        public java.io.OutputStream getOutputStream() {
            return content;
        }

        @Override
        public byte[] getSignature() {
            try {
                byte[] hash = MessageDigest.getInstance("SHA-256").digest(content.toByteArray());
                return new DEROctetString(hash).getEncoded();
            } catch (Exception impossible) {
                throw new IllegalStateException(impossible);
            }
        }
    }

    private static ExtensionsGenerator extensions(KeyPair pair, List<String> options) throws Exception {
        ExtensionsGenerator extensions = new ExtensionsGenerator();
        byte[] identifier = options.stream().filter(option -> option.startsWith("ski:"))
                .map(option -> HexFormat.of().parseHex(option.substring(4))).findFirst().orElse(keyIdentifier(pair));
        extensions.addExtension(Extension.subjectKeyIdentifier, false, new SubjectKeyIdentifier(identifier));
        GeneralName[] names = options.stream().filter(option -> option.startsWith("dns:"))
                .map(option -> new GeneralName(GeneralName.dNSName, option.substring(4))).toArray(GeneralName[]::new);
        if (names.length > 0) extensions.addExtension(Extension.subjectAlternativeName, false, new GeneralNames(names));
        return extensions;
    }

    private static Control asControl(ASN1ObjectIdentifier type, ASN1Encodable value) {
        return new Control() {
            @Override
            public ASN1ObjectIdentifier getType() {
                return type;
            }

            @Override
            public ASN1Encodable getValue() {
                return value;
            }
        };
    }

    private static byte[] decrypt(EncryptedPOP challenge, PrivateKey key) throws Exception {
        CMSEnvelopedData enveloped = new CMSEnvelopedData(challenge.getCms());
        RecipientInformation recipient = enveloped.getRecipientInfos().getRecipients().iterator().next();
        return recipient.getContent(key.getAlgorithm().equals("RSA")
                ? new JceKeyTransEnvelopedRecipient(key).setProvider("BC")
                : new JceKeyAgreeEnvelopedRecipient(key).setProvider("BC"));
    }

    /** Checks the witness of the value and computes the proof over the request (RFC 5272 section 6.7). */
    private static String prove(EncryptedPOP challenge, byte[] value) throws Exception {
        byte[] witness = MessageDigest.getInstance(nameOf(HASHES, challenge.getWitnessAlgID())).digest(value);
        if (!Arrays.equals(witness, challenge.getWitness())) throw new IllegalStateException("the witness is wrong");
        byte[] request = challenge.getRequest().getEncoded("DER");
        return HexFormat.of().formatHex(hmac(nameOf(MACS, challenge.getThePOPAlgID()), value, request));
    }

    private static String nameOf(Map<String, ASN1ObjectIdentifier> names, AlgorithmIdentifier algorithm) {
        return names.entrySet().stream().filter(entry -> entry.getValue().equals(algorithm.getAlgorithm()))
                .map(Map.Entry::getKey).findFirst().orElseThrow();
    }

    /** What a Full PKI Response says, once its signature is found to be right. */
    private String describe(CMSSignedData answer, X509CertificateHolder issuer) throws Exception {
        if (!answer.getSignedContentTypeOID().equals(CMCObjectIdentifiers.id_cct_PKIResponse.getId()))
            throw new IllegalStateException("not a PKIResponse: " + answer.getSignedContentTypeOID());
        verify(answer, issuer);
        PKIResponse response = PKIResponse.getInstance((byte[]) answer.getSignedContent().getContent());
        List<String> members = new ArrayList<>();
        List<String> statuses = new ArrayList<>();
        List<String> challenges = new ArrayList<>();
        for (ASN1Encodable element : response.getControlSequence()) {
            TaggedAttribute control = TaggedAttribute.getInstance(element);
            ASN1Set values = control.getAttrValues();
            if (values.size() != 1) throw new IllegalStateException("a control has " + values.size() + " values");
            ASN1Encodable value = values.getObjectAt(0);
            ASN1ObjectIdentifier type = control.getAttrType();
            if (type.equals(CMCObjectIdentifiers.id_cmc_statusInfoV2)) statuses.add(status(CMCStatusInfoV2.getInstance(value)));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_encryptedPOP))
                challenges.add(quote(base64(EncryptedPOP.getInstance(value).getEncoded("DER"))));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_transactionId))
                members.add("\"transaction\":" + quote(ASN1Integer.getInstance(value).getValue().toString()));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_senderNonce)) members.add("\"senderNonce\":" + hexOf(value));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_recipientNonce))
                members.add("\"recipientNonce\":" + hexOf(value));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_dataReturn)) members.add("\"data\":" + hexOf(value));
            else if (type.equals(CMCObjectIdentifiers.id_cmc_batchResponses))
                members.add("\"batch\":" + numbers(BodyPartList.getInstance(value).getBodyPartIDs()));
            else throw new IllegalStateException("an unexpected control " + type);
        }
        members.add("\"statuses\":[" + String.join(",", statuses) + "]");
        members.add("\"challenges\":[" + String.join(",", challenges) + "]");
        members.add("\"certificates\":[" + certificatesOf(answer) + "]");
        List<String> contents = new ArrayList<>();
        for (ASN1Encodable element : response.getCmsSequence()) {
            TaggedContentInfo content = TaggedContentInfo.getInstance(element);
            contents.add(quote(Long.toString(content.getBodyPartID().getID())) + ":"
                    + quote(base64(content.getContentInfo().getEncoded("DER"))));
        }
        members.add("\"contents\":{" + String.join(",", contents) + "}");
        return "{" + String.join(",", members) + "}";
    }

    private static void verify(CMSSignedData answer, X509CertificateHolder issuer) throws Exception {
        Collection<SignerInformation> signers = answer.getSignerInfos().getSigners();
        if (signers.size() != 1) throw new IllegalStateException(signers.size() + " signers");
        SignerInformation signer = signers.iterator().next();
        Collection<X509CertificateHolder> found = answer.getCertificates().getMatches(signer.getSID());
        X509CertificateHolder certificate = found.iterator().next();
        if (!signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider("BC").build(certificate)))
            throw new IllegalStateException("the signature is wrong");
        if (!certificate.isSignatureValid(new JcaContentVerifierProviderBuilder().setProvider("BC").build(issuer)))
            throw new IllegalStateException("the signer's certificate is not the CA's");
        ExtendedKeyUsage purposes = ExtendedKeyUsage.fromExtensions(certificate.getExtensions());
        if (purposes == null || !purposes.hasKeyPurposeId(KeyPurposeId.getInstance(id("1.3.6.1.5.5.7.3.27"))))
            throw new IllegalStateException("the signer is no CMC certification authority");
    }

    private static String certificatesOf(CMSSignedData answer) throws Exception {
        List<X509CertificateHolder> all = new ArrayList<>(answer.getCertificates().getMatches(null));
        all.sort(Comparator.comparing(X509CertificateHolder::getSerialNumber));
        List<String> encoded = new ArrayList<>();
        for (X509CertificateHolder certificate : all) encoded.add(quote(base64(certificate.getEncoded())));
        return String.join(",", encoded);
    }

    private static String status(CMCStatusInfoV2 info) {
        List<String> members = new ArrayList<>();
        members.add("\"status\":" + ASN1Integer.getInstance(info.getcMCStatus().toASN1Primitive()).getValue());
        members.add("\"bodyList\":" + numbers(info.getBodyList()));
        if (info.getStatusStringUTF8() != null) members.add("\"text\":" + quote(info.getStatusStringUTF8().getString()));
        if (info.hasOtherInfo()) {
            OtherStatusInfo other = info.getOtherStatusInfo();
            if (other.isFailInfo()) members.add("\"failInfo\":" + ASN1Integer.getInstance(other.toASN1Primitive()).getValue());
            if (other.isPendingInfo()) {
                PendInfo pending = PendInfo.getInstance(other.toASN1Primitive());
                members.add("\"token\":" + quote(HexFormat.of().formatHex(pending.getPendToken())));
                members.add("\"time\":" + quote(pending.getPendTime().getTimeString()));
            }
        }
        return "{" + String.join(",", members) + "}";
    }

    private static KeyPair generate(String kind) throws Exception {
        String algorithm = kind.startsWith("P-") ? "EC" : kind.startsWith("RSA") ? "RSA" : kind;
        KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm, "BC");
        if (algorithm.equals("EC")) generator.initialize(new ECGenParameterSpec(kind));
        if (algorithm.equals("RSA")) generator.initialize(Integer.parseInt(kind.substring(4)));
        return generator.generateKeyPair();
    }

    private KeyPair key(String name) {
        KeyPair pair = keys.get(name);
        if (pair == null) throw new IllegalArgumentException("no key " + name);
        return pair;
    }

    private static ContentSigner signer(PrivateKey key) throws Exception {
        String algorithm = switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "Ed25519" -> "Ed25519";
            default -> "SHA256withECDSA";
        };
        return new JcaContentSignerBuilder(algorithm).setProvider("BC").build(key);
    }

    private static SubjectPublicKeyInfo publicKey(KeyPair pair) {
        return SubjectPublicKeyInfo.getInstance(pair.getPublic().getEncoded());
    }

    private static byte[] keyIdentifier(KeyPair pair) throws Exception {
        return new JcaX509ExtensionUtils().createSubjectKeyIdentifier(pair.getPublic()).getKeyIdentifier();
    }

    private static AlgorithmIdentifier mac(String hash) {
        return new AlgorithmIdentifier(MACS.get(hash));
    }

    private static byte[] hmac(String hash, byte[] key, byte[] octets) throws Exception {
        Mac mac = Mac.getInstance("Hmac" + hash.replace("-", ""));
        mac.init(new SecretKeySpec(key, mac.getAlgorithm()));
        return mac.doFinal(octets);
    }

    private static BodyPartID[] ids(String[] numbers) {
        return Arrays.stream(numbers).map(number -> new BodyPartID(Long.parseLong(number))).toArray(BodyPartID[]::new);
    }

    private static ASN1ObjectIdentifier id(String dotted) {
        return new ASN1ObjectIdentifier(dotted);
    }

    private static ASN1OctetString octets(String hex) {
        return new DEROctetString(HexFormat.of().parseHex(hex));
    }

    private static String hexOf(ASN1Encodable octets) {
        return quote(HexFormat.of().formatHex(ASN1OctetString.getInstance(octets).getOctets()));
    }

    private static String numbers(BodyPartID[] ids) {
        return Arrays.stream(ids).map(id -> Long.toString(id.getID())).collect(Collectors.joining(",", "[", "]"));
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] decode(String text) {
        return Base64.getDecoder().decode(text);
    }

    private static String base64(byte[] octets) {
        return Base64.getEncoder().encodeToString(octets);
    }

    private static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + '"';
    }
}
