import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLSession;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.ChannelBindingProvider;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.jsse.BCSSLSocket;
import org.bouncycastle.jsse.provider.BouncyCastleJsseProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.PKCS10CertificationRequestBuilder;
import org.bouncycastle.util.Store;
import org.bouncycastle.util.io.pem.PemReader;

/**
 * Bouncy Castle's EST client from the command line, one operation after the other:
 *
 *     EstEnrollment HOST:PORT[/LABEL] TLS-VERSION ROOT.pem OPERATION...
 *
 *     cacerts OUT.pem                                  the CA certificates
 *     csrattrs                                         prints "csrattrs none" or "csrattrs some"
 *     requirements                                     prints the types in the answer to csrattrs, sorted
 *     enroll REQUEST.pem USER PASSWORD OUT.pem         simpleenroll with Basic
 *     serverkeygen REQUEST.pem USER PASSWORD OUT.pem OUT-KEY.der   serverkeygen with Basic
 *     reenroll REQUEST.pem OLD.pem OLD-KEY.pem OUT.pem simplereenroll with a client certificate
 *     linked-enroll REQUEST.pem KEY.pem USER PASSWORD OUT.pem
 *     linked-reenroll REQUEST.pem KEY.pem OLD.pem OLD-KEY.pem OUT.pem
 *
 * The linked operations take the subject and the key of the request and sign a new one for each connection, with its
 * channel binding in challengePassword (RFC 7030 section 3.5). They take TLS 1.2.
 *
 * Prints one line for each operation; a refusal is a line "refused STATUS MESSAGE" and the next operation follows.
 */
public final class EstEnrollment {
    private final String server;
    private final String tlsVersion;
    private final X509Certificate root;

    private EstEnrollment(String server, String tlsVersion, X509Certificate root) {
        this.server = server;
        this.tlsVersion = tlsVersion;
        this.root = root;
    }

    public static void main(String[] arguments) throws Exception {
        Provider provider = new BouncyCastleProvider();
        Security.addProvider(provider);
        Security.addProvider(new BouncyCastleJsseProvider(provider));
        EstEnrollment client = new EstEnrollment(arguments[0], arguments[1], readCertificate(arguments[2]));
        for (int at = 3; at < arguments.length;) {
            String operation = arguments[at];
            int count = switch (operation) {
                case "cacerts" -> 1;
                case "csrattrs", "requirements" -> 0;
                case "enroll", "reenroll" -> 4;
                case "serverkeygen", "linked-enroll", "linked-reenroll" -> 5;
                default -> throw new IllegalArgumentException(operation);
            };
            String[] operands = List.of(arguments).subList(at + 1, at + 1 + count).toArray(new String[0]);
            try {
                client.run(operation, operands);
            } catch (ESTException refusal) {
                System.out.println("refused " + refusal.getStatusCode() + " " + bodyOf(refusal));
            }
            at += 1 + count;
        }
    }

    private void run(String operation, String[] operands) throws Exception {
        switch (operation) {
            case "cacerts" -> {
                var answer = service().getCACerts();
                write(operands[0], answer.getCertificateStore());
                report(operation, answer.getSession(), answer.isTrusted() ? "trusted" : "not trusted");
            }
            case "csrattrs" -> {
                var answer = service().getCSRAttributes();
                report(operation, answer.getSession(), answer.hasAttributesResponse() ? "some" : "none");
            }
            case "requirements" -> {
                var answer = service().getCSRAttributes();
                var types = new TreeSet<String>();
                for (var type : answer.getAttributesResponse().getRequirements()) types.add(type.getId());
                report(operation, answer.getSession(), String.join(" ", types));
            }
            case "enroll" -> {
                EnrollmentResponse answer = service().simpleEnroll(
                        false, readRequest(operands[0]), basic(operands[1], operands[2]));
                finish(operation, answer, operands[3]);
            }
            case "serverkeygen" -> {
                EnrollmentResponse answer = service().simpleEnrollWithServersideCreation(
                        readRequest(operands[0]), basic(operands[1], operands[2]));
                finish(operation, answer, operands[3]);
                Files.write(Path.of(operands[4]), answer.getPrivateKeyInfo().getEncoded());
            }
            case "reenroll" -> {
                KeyManager[] identity = keyManagers(operands[1], operands[2], "SunJSSE");
                ESTService service = builder().withKeyManagers(identity).build();
                finish(operation, service.simpleEnroll(true, readRequest(operands[0]), null), operands[3]);
            }
            case "linked-enroll" -> {
                EnrollmentResponse answer = linkedBuilder().build().simpleEnrollPoP(
                        false, unsigned(operands[0]), signer(operands[1]), basic(operands[2], operands[3]));
                finish(operation, answer, operands[4]);
            }
            case "linked-reenroll" -> {
                KeyManager[] identity = keyManagers(operands[2], operands[3], "BCJSSE");
                ESTService service = linkedBuilder().withKeyManagers(identity).build();
                EnrollmentResponse answer = service.simpleEnrollPoP(
                        true, unsigned(operands[0]), signer(operands[1]), null);
                finish(operation, answer, operands[4]);
            }
            default -> throw new IllegalArgumentException(operation);
        }
    }

    private static void finish(String operation, EnrollmentResponse answer, String out) throws Exception {
        if (!answer.isCompleted()) throw new IllegalStateException("the server asks to try again later");
        int count = write(out, answer.getStore());
        report(operation, answer.getSession(), count + " certificate");
    }

    private ESTService service() throws Exception {
        return builder().build();
    }

    /** For a service of its own for each operation. */
    private JsseESTServiceBuilder builder() throws Exception {
        var trust = JcaJceUtils.getCertPathTrustManager(Set.of(new TrustAnchor(root, null)), null);
        String[] target = server.split("/", 2);
        JsseESTServiceBuilder builder = new JsseESTServiceBuilder(target[0], trust);
        if (target.length > 1) builder.withLabel(target[1]);
        builder.withTLSVersion(tlsVersion);
        builder.withHostNameAuthorizer(new JsseDefaultHostnameAuthorizer(Set.of()));
        builder.withTimeout(20_000);
        return builder;
    }

    /** Java's own TLS tells no channel binding; Bouncy Castle's does. */
    private JsseESTServiceBuilder linkedBuilder() throws Exception {
        return builder().withProvider("BCJSSE").withChannelBindingProvider(new ConnectionBinding());
    }

    /**
     * ESTService asks for tls-unique, always, after the handshake. With TLS 1.3 there is none; and tls-exporter
     * (RFC 9266), which could take its place, is not to be had from Bouncy Castle 1.72 any more by then.
     */
    private static final class ConnectionBinding implements ChannelBindingProvider {
        @Override
        public boolean canAccessChannelBinding(Socket socket) {
            return socket instanceof BCSSLSocket;
        }

        @Override
        public byte[] getChannelBinding(Socket socket, String binding) {
            return ((BCSSLSocket) socket).getConnection().getChannelBinding(binding);
        }
    }

    private static ESTAuth basic(String user, String password) throws Exception {
        return new JcaHttpAuthBuilder(null, user, password.toCharArray())
                .setNonceGenerator(new SecureRandom()).setProvider("BC").build();
    }

    private static PKCS10CertificationRequest readRequest(String file) throws IOException {
        return new PKCS10CertificationRequest(readPem(file));
    }

    private static PKCS10CertificationRequestBuilder unsigned(String file) throws IOException {
        PKCS10CertificationRequest request = readRequest(file);
        return new PKCS10CertificationRequestBuilder(request.getSubject(), request.getSubjectPublicKeyInfo());
    }

    private static ContentSigner signer(String keyFile) throws Exception {
        PrivateKey key = readKey(keyFile);
        boolean rsa = key.getAlgorithm().equals("RSA");
        return new JcaContentSignerBuilder(rsa ? "SHA256withRSA" : "SHA256withECDSA").build(key);
    }

    private static KeyManager[] keyManagers(String certificateFile, String keyFile, String provider) throws Exception {
        X509Certificate certificate = readCertificate(certificateFile);
        PrivateKey key = readKey(keyFile);
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("device", key, new char[0], new Certificate[] {certificate});
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX", provider);
        factory.init(store, new char[0]);
        return factory.getKeyManagers();
    }

    private static void report(String operation, Object session, String result) {
        System.out.println(operation + " " + ((SSLSession) session).getProtocol() + " " + result);
    }

    private static String bodyOf(ESTException refusal) throws IOException {
        try (InputStream body = refusal.getBody()) {
            String text = body == null ? "" : new String(body.readAllBytes(), StandardCharsets.UTF_8);
            return (text.isEmpty() ? refusal.getMessage() : text).strip().replace('\n', ' ');
        }
    }

    private static int write(String file, Store<X509CertificateHolder> store) throws Exception {
        Collection<X509CertificateHolder> certificates = new ArrayList<>(store.getMatches(null));
        try (JcaPEMWriter writer = new JcaPEMWriter(Files.newBufferedWriter(Path.of(file)))) {
            for (X509CertificateHolder certificate : certificates) writer.writeObject(certificate);
        }
        return certificates.size();
    }

    private static X509Certificate readCertificate(String file) throws Exception {
        return new JcaX509CertificateConverter().getCertificate(new X509CertificateHolder(readPem(file)));
    }

    private static PrivateKey readKey(String file) throws IOException {
        return new JcaPEMKeyConverter().getPrivateKey(PrivateKeyInfo.getInstance(readPem(file)));
    }

    private static byte[] readPem(String file) throws IOException {
        try (PemReader reader = new PemReader(new StringReader(Files.readString(Path.of(file))))) {
            return reader.readPemObject().getContent();
        }
    }
}
