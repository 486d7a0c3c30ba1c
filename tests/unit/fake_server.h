/*
 * A PostgreSQL server that says what a script tells it, for the tests of core/database.c: a child process on a Unix socket, which speaks
 * the protocol (version 3, PostgreSQL's manual "Frontend/Backend Protocol") to the real libpq. Included by one test program.
 *
 * A script is what is said to each thing that is asked: first to the start of the connection, then to each Sync, Query or end of COPY. What
 * is said is a row of words, most of them the protocol's letters:
 *   hello      login granted, version 15, UTF8, ready     old, latin, mute   the same of version 14, of LATIN1, of no encoding
 *   R          give a password     E=SQLSTATE an error     N=text a notice    wait       nothing for a second    X  goodbye
 *   T          rows of one column  D=text     one of them  D      a null one  C          done                    I  it was empty
 *   G, H       COPY in, out        d=text     a line       c      its end     Z          ready for the next
 */
#ifndef NIANSHEN_TESTS_UNIT_FAKE_SERVER_H
#define NIANSHEN_TESTS_UNIT_FAKE_SERVER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char folder[64], path[96];
    pid_t child;
} fake_server;

/* ---- the child: never returns ---- */

struct fake_message {
    uint8_t bytes[65536];
    size_t used;
};

static void fake_add(struct fake_message *message, const void *bytes, size_t count)
{
    if (count > 0) memcpy(message->bytes + message->used, bytes, count);
    message->used += count;
}

static void fake_number(struct fake_message *message, uint32_t number, size_t bytes)
{
    for (size_t i = bytes; i-- > 0;) message->bytes[message->used++] = (uint8_t)(number >> (8 * i));
}

static void fake_string(struct fake_message *message, const char *text)
{
    fake_add(message, text, strlen(text) + 1);
}

static struct fake_message fake_begin(void)
{
    return (struct fake_message){.used = 5}; /* room for type and length */
}

static void fake_say(int peer, char type, struct fake_message *message)
{
    size_t used = message->used;
    message->bytes[0] = (uint8_t)type;
    message->used = 1;
    fake_number(message, (uint32_t)used - 1, 4);
    if (send(peer, message->bytes, used, MSG_NOSIGNAL) < 0) _exit(0);
}

static void fake_parameter(int peer, const char *name, const char *value)
{
    struct fake_message message = fake_begin();
    fake_string(&message, name);
    fake_string(&message, value);
    fake_say(peer, 'S', &message);
}

static void fake_simple(int peer, char type, uint32_t number, size_t bytes)
{
    struct fake_message message = fake_begin();
    fake_number(&message, number, bytes);
    fake_say(peer, type, &message);
}

static void fake_ready(int peer)
{
    fake_simple(peer, 'Z', 'I', 1);
}

static void fake_hello(int peer, const char *version, const char *encoding)
{
    fake_simple(peer, 'R', 0, 4);
    fake_parameter(peer, "server_version", version);
    fake_parameter(peer, "client_encoding", "UTF8");
    if (encoding != NULL) fake_parameter(peer, "server_encoding", encoding);
    fake_ready(peer);
}

/* An error or a notice of ours: message, detail (the message in Chinese), hint and constraint. */
static void fake_complain(int peer, char type, const char *state, const char *text)
{
    const char *fields[][2] = {{"S", "ERROR"}, {"V", "ERROR"},  {"C", state},         {"M", text},
                               {"D", "细节"},  {"H", "a hint"}, {"n", "a_constraint"}};
    struct fake_message message = fake_begin();
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        fake_add(&message, fields[i][0], 1);
        fake_string(&message, fields[i][1]);
    }
    fake_number(&message, 0, 1);
    fake_say(peer, type, &message);
}

static void fake_columns(int peer)
{
    struct fake_message message = fake_begin();
    fake_number(&message, 1, 2);
    fake_string(&message, "column");
    fake_number(&message, 0, 4); /* of no table */
    fake_number(&message, 0, 2);
    fake_number(&message, 25, 4); /* text, of any size */
    fake_number(&message, UINT32_MAX, 2);
    fake_number(&message, UINT32_MAX, 4);
    fake_number(&message, 0, 2);
    fake_say(peer, 'T', &message);
}

static void fake_row(int peer, const char *text)
{
    struct fake_message message = fake_begin();
    fake_number(&message, 1, 2);
    fake_number(&message, text == NULL ? UINT32_MAX : (uint32_t)strlen(text), 4);
    if (text != NULL) fake_add(&message, text, strlen(text));
    fake_say(peer, 'D', &message);
}

static void fake_text(int peer, char type, const char *text, size_t bytes)
{
    struct fake_message message = fake_begin();
    fake_add(&message, text, bytes);
    fake_say(peer, type, &message);
}

static void fake_copy(int peer, char type)
{
    struct fake_message message = fake_begin();
    fake_number(&message, 0, 1);
    fake_number(&message, 1, 2);
    fake_number(&message, 0, 2);
    fake_say(peer, type, &message);
}

static bool fake_greet(int peer, const char *word)
{
    static const char *const greetings[][3] = {
        {"hello", "15.1", "UTF8"}, {"old", "14.2", "UTF8"}, {"latin", "15.1", "LATIN1"}, {"mute", "15.1", NULL}};
    for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++) {
        if (strcmp(word, greetings[i][0]) != 0) continue;
        fake_hello(peer, greetings[i][1], greetings[i][2]);
        return true;
    }
    return false;
}

static void fake_word(int peer, const char *word)
{
    const char *text = word[1] == '=' ? word + 2 : NULL;
    if (fake_greet(peer, word)) return;
    switch (word[0]) {
    case 'w':
        usleep(1000 * 1000);
        break;
    case 'R':
        fake_simple(peer, 'R', 3, 4);
        break;
    case 'E':
        fake_complain(peer, 'E', text, "what went wrong");
        break;
    case 'N':
        fake_complain(peer, 'N', "01000", text);
        break;
    case 'T':
        fake_columns(peer);
        break;
    case 'D':
        fake_row(peer, text);
        break;
    case 'C':
        fake_text(peer, 'C', "SELECT 1", sizeof "SELECT 1");
        break;
    case 'G':
    case 'H':
        fake_copy(peer, word[0]);
        break;
    case 'Z':
        fake_ready(peer);
        break;
    case 'X':
        _exit(0);
    default: /* I, c, d */
        fake_text(peer, word[0], text, text != NULL ? strlen(text) : 0);
    }
}

static void fake_answer(int peer, const char *words)
{
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) fake_word(peer, word);
}

/* Reads what the client says up to where an answer is due; the start of a connection has no type. */
static void fake_listen(int peer, bool is_start)
{
    for (;;) {
        uint8_t head[5] = {0};
        size_t head_bytes = is_start ? 4 : 5;
        if (recv(peer, head + 5 - head_bytes, head_bytes, MSG_WAITALL) != (ssize_t)head_bytes) _exit(0);
        uint32_t bytes = (uint32_t)head[1] << 24 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 8 | head[4];
        for (uint32_t left = bytes - 4; left > 0;) {
            static char body[65536];
            ssize_t count = recv(peer, body, left < sizeof body ? left : sizeof body, 0);
            if (count <= 0) _exit(0);
            left -= (uint32_t)count;
        }
        if (is_start || strchr("SQcfp", head[0]) != NULL) return;
    }
}

static _Noreturn void fake_serve(int door, const char *const *script)
{
    signal(SIGALRM, SIG_DFL);
    alarm(60);
    int peer = accept(door, NULL, NULL);
    for (size_t step = 0; script[step] != NULL; step++) {
        fake_listen(peer, step == 0);
        fake_answer(peer, script[step]);
    }
    fake_listen(peer, false); /* until the client leaves */
    _exit(0);
}

/* ---- the test's side ---- */

static void fake_server_stop(void)
{
    if (fake_server.child == 0) return;
    kill(fake_server.child, SIGKILL);
    waitpid(fake_server.child, NULL, 0);
    fake_server.child = 0;
    unlink(fake_server.path);
    rmdir(fake_server.folder);
}

/* Serves one connection by the script (ended by NULL), and leads libpq to it. */
static void fake_server_start(const char *const *script)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    fake_server_stop();
    strcpy(fake_server.folder, P_tmpdir "/nianshen-server-XXXXXX");
    assert_non_null(mkdtemp(fake_server.folder));
    snprintf(fake_server.path, sizeof fake_server.path, "%s/.s.PGSQL.5432", fake_server.folder);
    strcpy(address.sun_path, fake_server.path);
    int door = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(door, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(door, 1), 0);
    fake_server.child = fork();
    if (fake_server.child == 0) fake_serve(door, script);
    close(door);
    setenv("PGHOST", fake_server.folder, 1);
    setenv("PGUSER", "somebody", 1);
    setenv("PGPORT", "5432", 1);
}

#endif
