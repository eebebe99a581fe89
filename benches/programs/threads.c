/* threads PAIRS ROUNDS [IDLE]: so many server threads and as many client threads, each pair over a connection of its own;
   IDLE threads beside them that wait for the end. It prints how many calls sent and received. */
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static long rounds;
static struct sockaddr_in addr = {.sin_family = AF_INET};
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static sem_t standing;
static _Atomic long calls;

static void *serve(void *arg)
{
	int conn = (int)(long)arg;
	char text[16];
	ssize_t got;
	long made = 1;

	for (; (got = recv(conn, text, sizeof text, 0)) > 0; made += 2)
		send(conn, text, got, 0);
	calls += made;
	close(conn);
	return NULL;
}

static void *ask(void *arg)
{
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	char byte = 'x';

	(void)arg;
	if (connect(sock, (struct sockaddr *)&addr, sizeof addr))
		exit(2);
	for (long i = 0; i < rounds; i++)
		if (send(sock, &byte, 1, 0) != 1 || recv(sock, &byte, 1, 0) != 1)
			exit(3);
	calls += 2 * rounds;
	close(sock);
	return NULL;
}

static void *wait_idly(void *arg)
{
	(void)arg;
	sem_post(&standing);
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return NULL;
}

static pthread_t start(void *(*what)(void *), void *arg)
{
	pthread_t thread;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	if (pthread_create(&thread, &attr, what, arg))
		exit(4);
	return thread;
}

int main(int argc, char **argv)
{
	long pairs = argc > 1 ? atol(argv[1]) : 10, idle = argc > 3 ? atol(argv[3]) : 0;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof addr;
	pthread_t *servers = calloc(pairs, sizeof *servers), *clients = calloc(pairs, sizeof *clients);
	pthread_t *waiting = calloc(idle + 1, sizeof *waiting);

	rounds = argc > 2 ? atol(argv[2]) : 10;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&addr, sizeof addr) || listen(listener, 4096) ||
	    getsockname(listener, (struct sockaddr *)&addr, &len))
		return 1;
	pthread_mutex_lock(&gate);
	for (long i = 0; i < idle; i++) {
		waiting[i] = start(wait_idly, NULL);
		sem_wait(&standing);
	}
	for (long i = 0; i < pairs; i++)
		clients[i] = start(ask, NULL);
	for (long i = 0; i < pairs; i++)
		servers[i] = start(serve, (void *)(long)accept(listener, NULL, NULL));
	for (long i = 0; i < pairs; i++)
		pthread_join(clients[i], NULL), pthread_join(servers[i], NULL);
	pthread_mutex_unlock(&gate);
	for (long i = 0; i < idle; i++)
		pthread_join(waiting[i], NULL);
	printf("%ld\n", calls);
	return 0;
}
