/* ping_pong ROUNDS: a parent and its child send one byte to and fro over loopback TCP. Each prints how many
   calls it has made for that. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void rounds(int sock, long count, int first)
{
	char byte = 'x';
	long calls = 0;

	for (long i = 0; i < count; i++) {
		if (first && ++calls && send(sock, &byte, 1, 0) != 1)
			exit(2);
		if (++calls && recv(sock, &byte, 1, 0) != 1)
			exit(3);
		if (!first && ++calls && send(sock, &byte, 1, 0) != 1)
			exit(4);
	}
	printf("%ld\n", calls);
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000;
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof addr;
	int one = 1, status;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		return 1;
	if (fork() == 0) {
		int sock = socket(AF_INET, SOCK_STREAM, 0);

		if (connect(sock, (struct sockaddr *)&addr, len))
			return 1;
		setsockopt(sock, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		rounds(sock, count, 1);
		return 0;
	}
	int conn = accept(listener, NULL, NULL);

	setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	rounds(conn, count, 0);
	wait(&status);
	return status != 0;
}
