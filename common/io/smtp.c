/* smtp - the conversation is libcurl's (RFC 5321, STARTTLS, AUTH, dot-
 * stuffing); ours is to sort its end by one question: was the mail taken? */
#include "io/curl_loop.h"
#include "io/smtp.h"

static const char *server_url;
static const char *server_user;
static const char *password_path;

struct upload {
    const char *data;
    size_t len;
    size_t sent;
    bool greeted;  /* connected, secured, logged in */
    bool all_sent; /* libcurl was told of the end: the final dot is out */
};

void smtp_init(const char *url, const char *user, const char *password_file)
{
    server_url = url;
    server_user = user;
    password_path = password_file;
}

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    struct upload *u = arg;
    size_t room = size * n;
    size_t left = u->len - u->sent;

    if (left == 0)
        u->all_sent = true;
    if (room > left)
        room = left;
    memcpy(to, u->data + u->sent, room);
    u->sent += room;
    return room;
}

static int on_greeted(void *arg, char *ip, char *local_ip, int port,
                      int local_port)
{
    struct upload *u = arg;

    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    u->greeted = true;
    return CURL_PREREQFUNC_OK;
}

/* Read anew for each mail, so that a rotated secret is taken up. */
static bool set_login(CURL *e)
{
    char password[512];
    FILE *f;
    size_t len;

    (void)cu.curl_easy_setopt(e, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    if (server_user == NULL || *server_user == '\0')
        return true;
    /* A password never goes over a line that others can read. */
    (void)cu.curl_easy_setopt(e, CURLOPT_USE_SSL, (long)CURLUSESSL_ALL);
    f = password_path != NULL ? fopen(password_path, "re") : NULL;
    if (f == NULL)
        return false;
    len = fread(password, 1, sizeof(password) - 1, f);
    (void)fclose(f);
    password[len] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    (void)cu.curl_easy_setopt(e, CURLOPT_USERNAME, server_user);
    (void)cu.curl_easy_setopt(e, CURLOPT_PASSWORD, password);
    explicit_bzero(password, sizeof(password));
    return true;
}

static enum err judge(struct req *r, CURL *e, const struct upload *u,
                      CURLcode code)
{
    long reply = 0;

    if (code == CURLE_OK)
        return OK;
    (void)cu.curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &reply);
    detail(r, "smtp: %s, last reply %ld", cu.curl_easy_strerror(code), reply);
    /* Before the greeting is done a 5xx is about us, not about this mail. */
    if (u->greeted && reply >= 500 && reply <= 599)
        return ERR_INVALID;
    if (reply >= 400 && reply <= 499)
        return ERR_UNAVAILABLE;
    return u->all_sent ? ERR_UNCERTAIN : ERR_UNAVAILABLE;
}

static enum err transfer(struct req *r, CURL *e, const struct mail *m,
                         struct upload *u)
{
    struct curl_slist *to = NULL;
    CURLcode code = CURLE_OK;
    bool in_time;

    curl_loop_append(&to, arena_printf(r->arena, "<%s>", m->to));
    (void)cu.curl_easy_setopt(e, CURLOPT_URL, server_url);
    (void)cu.curl_easy_setopt(e, CURLOPT_MAIL_FROM,
                              arena_printf(r->arena, "<%s>", m->from));
    (void)cu.curl_easy_setopt(e, CURLOPT_MAIL_RCPT, to);
    (void)cu.curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
    (void)cu.curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
    (void)cu.curl_easy_setopt(e, CURLOPT_READDATA, u);
    (void)cu.curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_greeted);
    (void)cu.curl_easy_setopt(e, CURLOPT_PREREQDATA, u);
    in_time = curl_loop_run(e, r->deadline_us, &code);
    cu.curl_slist_free_all(to);
    if (in_time)
        return judge(r, e, u, code);
    detail(r, "smtp: no answer in time");
    return u->all_sent ? ERR_UNCERTAIN : ERR_UNAVAILABLE;
}

enum err smtp_send(struct req *r, const struct mail *m)
{
    struct upload u = { .sent = 0 };
    enum err err = ERR_UNAVAILABLE;
    CURL *e;

    TRY(mail_compose(r, m, &u.data, &u.len));
    if (!curl_loop_open())
        return ERR_UNAVAILABLE;
    e = curl_loop_easy("smtp,smtps");
    if (set_login(e))
        err = transfer(r, e, m, &u);
    else
        detail(r, "smtp: the password file cannot be read");
    cu.curl_easy_cleanup(e);
    return err;
}
