import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.security.GeneralSecurityException;
import java.security.Security;
import java.security.cert.CRL;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CertSelector;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/**
 * Validates certification paths as RFC 5280 section 6 has it, with Bouncy Castle's PKIX validator and the CRL of every CA.
 *
 * <p>Arguments: paths, each ended by a semicolon: ANCHOR CRLS PURPOSES CERTIFICATE... with the CRL files and
 * the extended key usages that the first certificate must have between commas, or "-", and the certificates from the one
 * in question up to the one below the anchor. Prints a line for each: "valid", or what is wrong.
 */
public final class CertificationPath {
  private static CertificateFactory factory;

  public static void main(String[] arguments) throws Exception {
    Security.addProvider(new BouncyCastleProvider());
    factory = CertificateFactory.getInstance("X.509", "BC");
    List<String> path = new ArrayList<>();
    for (String argument : arguments) {
      if (!argument.equals(";")) {
        path.add(argument);
        continue;
      }
      System.out.println(verdict(path));
      path.clear();
    }
  }

  private static String verdict(List<String> path) throws IOException {
    try {
      List<X509Certificate> certificates = new ArrayList<>();
      for (String file : path.subList(3, path.size())) certificates.add(certificate(file));
      PKIXParameters parameters =
          new PKIXParameters(Set.of(new TrustAnchor(certificate(path.get(0)), null)));
      parameters.addCertStore(crls(path.get(1)));
      parameters.setRevocationEnabled(true);
      X509CertSelector target = new X509CertSelector();
      if (!path.get(2).equals("-")) target.setExtendedKeyUsage(Set.of(path.get(2).split(",")));
      parameters.setTargetCertConstraints(target);
      CertPath built = factory.generateCertPath(certificates);
      CertPathValidator.getInstance("PKIX", "BC").validate(built, parameters);
      return "valid";
    } catch (GeneralSecurityException problem) {
      return problem.getMessage().replace('\n', ' ');
    }
  }

  private static CertStore crls(String files) throws GeneralSecurityException, IOException {
    List<CRL> crls = new ArrayList<>();
    for (String file : files.equals("-") ? new String[0] : files.split(","))
      try (InputStream in = new FileInputStream(file)) {
        crls.add(factory.generateCRL(in));
      }
    return CertStore.getInstance("Collection", new CollectionCertStoreParameters(crls));
  }

  private static X509Certificate certificate(String file)
      throws GeneralSecurityException, IOException {
    try (InputStream in = new FileInputStream(file)) {
      return (X509Certificate) factory.generateCertificate(in);
    }
  }
}
