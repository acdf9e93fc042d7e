/* The plainest web server: no options on its socket (not even SO_REUSEADDR), one answer per connection. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3000)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0) {
        perror("plain_server");
        return 1;
    }
    for (;;) {
        char request[4096];
        const char *answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nfrom C";
        int client = accept(listener, NULL, NULL);
        if (client < 0 || read(client, request, sizeof request) < 1) return 1;
        if (write(client, answer, strlen(answer)) < 0) return 1;
        while (read(client, request, sizeof request) > 0) { /* the client closes first: no TIME_WAIT on our port */
        }
        close(client);
    }
}
