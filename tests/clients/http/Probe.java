import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/**
 * Java's own HttpClient, with its defaults: without TLS it offers HTTP/2 with each request.
 *
 * <p>Arguments: what to do (post, stream or socket), the URL, and the JSON to send. It prints what it
 * receives, a line each; stream and socket end with the first line that has CREATED.
 */
public class Probe {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  public static void main(String[] arguments) throws Exception {
    URI url = URI.create(arguments[1]);
    String json = arguments[2];
    switch (arguments[0]) {
      case "post" -> post(url, json);
      case "stream" -> stream(url, json);
      case "socket" -> socket(url, json);
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  /** Three requests, the last of which asks for leave before it sends its body. */
  private static void post(URI url, String json) throws Exception {
    for (boolean asks : new boolean[] {false, false, true}) {
      var answer = CLIENT.send(request(url, json).expectContinue(asks).build(), BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.version() + " " + answer.body());
    }
  }

  private static void stream(URI url, String json) throws Exception {
    var request = request(url, json).header("accept", "text/event-stream").build();
    try (var lines = CLIENT.send(request, BodyHandlers.ofLines()).body()) {
      lines.peek(System.out::println).anyMatch(line -> line.contains("CREATED"));
    }
    System.exit(0); // else the client's threads stay for a while
  }

  private static void socket(URI url, String json) throws Exception {
    var done = new CompletableFuture<String>();
    var listener = new WebSocket.Listener() {
      private final StringBuilder message = new StringBuilder();

      @Override
      public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
        message.append(text);
        if (last) {
          System.out.println(message);
          if (message.indexOf("CREATED") >= 0) done.complete("");
          message.setLength(0);
        }
        return WebSocket.Listener.super.onText(socket, text, last);
      }

      @Override
      public void onError(WebSocket socket, Throwable error) {
        done.completeExceptionally(error);
      }

      @Override
      public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        done.completeExceptionally(new IllegalStateException(code + " " + reason));
        return null;
      }
    };
    var socket =
        CLIENT.newWebSocketBuilder()
            .subprotocols("graphql-transport-ws")
            .buildAsync(url, listener)
            .join();
    socket.sendText("{\"type\":\"connection_init\"}", true).join();
    socket.sendText("{\"type\":\"subscribe\",\"id\":\"1\",\"payload\":" + json + "}", true).join();
    done.get();
    socket.abort();
    System.exit(0);
  }

  private static HttpRequest.Builder request(URI url, String json) {
    return HttpRequest.newBuilder(url)
        .header("content-type", "application/json")
        .POST(BodyPublishers.ofString(json));
  }
}
