import java.io.IOException;
import java.io.InputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLSession;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.est.ESTAuth;
import org.bouncycastle.est.ESTException;
import org.bouncycastle.est.ESTService;
import org.bouncycastle.est.EnrollmentResponse;
import org.bouncycastle.est.jcajce.JcaHttpAuthBuilder;
import org.bouncycastle.est.jcajce.JcaJceUtils;
import org.bouncycastle.est.jcajce.JsseDefaultHostnameAuthorizer;
import org.bouncycastle.est.jcajce.JsseESTServiceBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.util.Store;
import org.bouncycastle.util.io.pem.PemReader;

/**
 * Bouncy Castle's EST client from the command line, one operation after the other:
 *
 *     EstEnrollment HOST:PORT TLS-VERSION ROOT.pem OPERATION...
 *
 *     cacerts OUT.pem                                  the CA certificates
 *     csrattrs                                         prints "csrattrs none" or "csrattrs some"
 *     enroll REQUEST.pem USER PASSWORD OUT.pem         simpleenroll with Basic
 *     reenroll REQUEST.pem OLD.pem OLD-KEY.pem OUT.pem simplereenroll with a client certificate
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
        Security.addProvider(new BouncyCastleProvider());
        EstEnrollment client = new EstEnrollment(arguments[0], arguments[1], readCertificate(arguments[2]));
        for (int at = 3; at < arguments.length;) {
            String operation = arguments[at];
            int count = switch (operation) {
                case "cacerts" -> 1;
                case "csrattrs" -> 0;
                case "enroll", "reenroll" -> 4;
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
                var answer = service(null).getCACerts();
                write(operands[0], answer.getCertificateStore());
                report(operation, answer.getSession(), answer.isTrusted() ? "trusted" : "not trusted");
            }
            case "csrattrs" -> {
                var answer = service(null).getCSRAttributes();
                report(operation, answer.getSession(), answer.hasAttributesResponse() ? "some" : "none");
            }
            case "enroll" -> {
                ESTAuth auth = new JcaHttpAuthBuilder(null, operands[1], operands[2].toCharArray())
                        .setNonceGenerator(new SecureRandom()).setProvider("BC").build();
                enroll(operation, service(null), false, operands[0], auth, operands[3]);
            }
            case "reenroll" -> {
                KeyManager[] identity = keyManagers(operands[1], operands[2]);
                enroll(operation, service(identity), true, operands[0], null, operands[3]);
            }
            default -> throw new IllegalArgumentException(operation);
        }
    }

    private void enroll(String operation, ESTService service, boolean reenroll, String requestFile, ESTAuth auth, String out)
            throws Exception {
        PKCS10CertificationRequest request = new PKCS10CertificationRequest(readPem(requestFile));
        EnrollmentResponse answer = service.simpleEnroll(reenroll, request, auth);
        if (!answer.isCompleted()) throw new IllegalStateException("the server asks to try again later");
        int count = write(out, answer.getStore());
        report(operation, answer.getSession(), count + " certificate");
    }

    /** A service of its own for each operation, with or without a client certificate. */
    private ESTService service(KeyManager[] identity) throws Exception {
        var trust = JcaJceUtils.getCertPathTrustManager(Set.of(new TrustAnchor(root, null)), null);
        JsseESTServiceBuilder builder = new JsseESTServiceBuilder(server, trust);
        builder.withTLSVersion(tlsVersion);
        builder.withHostNameAuthorizer(new JsseDefaultHostnameAuthorizer(Set.of()));
        builder.withTimeout(20_000);
        if (identity != null) builder.withKeyManagers(identity);
        return builder.build();
    }

    private static KeyManager[] keyManagers(String certificateFile, String keyFile) throws Exception {
        X509Certificate certificate = readCertificate(certificateFile);
        String algorithm = certificate.getPublicKey().getAlgorithm();
        PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(readPem(keyFile)));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("device", key, new char[0], new Certificate[] {certificate});
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
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

    private static byte[] readPem(String file) throws IOException {
        try (PemReader reader = new PemReader(new StringReader(Files.readString(Path.of(file))))) {
            return reader.readPemObject().getContent();
        }
    }
}
