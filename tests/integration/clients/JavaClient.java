// java.net.http against one server; prints what it got.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.HexFormat;

public class JavaClient {
  public static void main(String[] arguments) throws Exception {
    String base = arguments[0];
    // Its default offers an upgrade to h2c with the first request.
    HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(20)).build();
    for (String path : new String[] {"/file.bin", "/missing", "/file.bin"}) {
      show("get", client, HttpRequest.newBuilder(URI.create(base + path)));
    }
    if (arguments[1].equals("yes")) {
      show("post", client, HttpRequest.newBuilder(URI.create(base + "/post")).POST(BodyPublishers.ofString("j".repeat(100000))));
      show("delete", client, HttpRequest.newBuilder(URI.create(base + "/thing")).DELETE());
    }
  }

  private static void show(String name, HttpClient client, HttpRequest.Builder builder) throws Exception {
    var answer = client.send(builder.timeout(Duration.ofSeconds(20)).build(), BodyHandlers.ofByteArray());
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(answer.body());
    System.out.println(name + " " + answer.statusCode() + " " + answer.body().length + " " + HexFormat.of().formatHex(digest));
  }
}
