/* smtp_test - mails as bytes, and real conversations with
 * tests/harness/smtp_sink.py. */
#include <criterion/criterion.h>
#include "io/http_client.h"
#include "io/peer_test.h"
#include "io/smtp.h"
#include "sched/loop.h"
#include "sched/task.h"

static struct arena *arena;
static struct req req;

static struct mail sample(void)
{
    return (struct mail){ .from = "shop@bodega.example",
                          .from_name = "Bodega",
                          .to = "ann@example.org",
                          .subject = "Your order",
                          .message_id = "order-1@bodega.example",
                          .text = "Hello\n.dot\n" };
}

static void start(void)
{
    arena = arena_new(0);
    req_init(&req, arena, 5000, NULL);
}

static void stop(void)
{
    arena_free(arena);
}

TestSuite(mail, .init = start, .fini = stop);

static const char *compose(const struct mail *m)
{
    const char *bytes = NULL;
    size_t len = 0;

    cr_assert_eq(mail_compose(&req, m, &bytes, &len), OK);
    cr_assert_eq(strlen(bytes), len);
    return bytes;
}

static void assert_has(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "no <%s> in <%s>", part, text);
}

/* RFC 5322 section 2.1.1 and 2.3: CRLF only, and lines that any relay takes;
 * we promise 76. */
static void assert_lines(const char *text)
{
    size_t column = 0;

    for (const char *s = text; *s != '\0'; s++) {
        cr_assert((unsigned char)*s < 0x7f);
        if (*s == '\r') {
            cr_assert_eq(s[1], '\n', "a CR alone");
            cr_assert_leq(column, 76, "in <%s>", text);
            column = 0;
            s++;
            continue;
        }
        cr_assert_neq(*s, '\n', "an LF alone");
        column++;
    }
    cr_assert_eq(column, 0, "the last line ends");
}

Test(mail, plain_text)
{
    struct mail m = sample();
    const char *bytes = compose(&m);

    assert_lines(bytes);
    assert_has(bytes, "From: \"Bodega\"\r\n <shop@bodega.example>\r\n");
    assert_has(bytes, "To: <ann@example.org>\r\n");
    assert_has(bytes, "Subject: Your order\r\n");
    assert_has(bytes, "Message-ID: <order-1@bodega.example>\r\n");
    assert_has(bytes, "Content-Type: text/plain; charset=utf-8\r\n");
    assert_has(bytes, "\r\n\r\nHello\r\n.dot\r\n");
    cr_assert_null(strstr(bytes, "multipart"));
}

Test(mail, date_is_rfc_5322)
{
    struct mail m = sample();
    char day[4];
    char month[4];
    int dom, year, h, min, s, n = 0;
    const char *bytes = compose(&m);

    cr_assert_eq(sscanf(bytes, "Date: %3[A-Za-z], %d %3s %d %d:%d:%d +0000%n",
                        day, &dom, month, &year, &h, &min, &s, &n),
                 7);
    cr_assert_eq(bytes[n], '\r');
    cr_assert_geq(year, 2025);
    cr_assert_not_null(strstr("SunMonTueWedThuFriSat", day));
}

Test(mail, names_and_subjects_in_any_script)
{
    struct mail m = sample();
    const char *bytes;

    m.subject = "Zażółć gęślą jaźń – Ihre Bestellung wird jetzt verpackt 📦";
    m.from_name = "Café \"Zoë\"";
    bytes = compose(&m);
    assert_lines(bytes);
    assert_has(bytes, "Subject: =?UTF-8?Q?Za=C5=BC=C3=B3=C5=82=C4=87_");
    assert_has(bytes, "From: =?UTF-8?Q?Caf=C3=A9_=22Zo=C3=AB=22?=\r\n <shop");
    m.subject = "=?UTF-8?Q?fake?=";
    assert_has(compose(&m), "Subject: =?UTF-8?Q?=3D=3FUTF=2D8=3FQ=3Ffake=3F"
                            "=3D?=\r\n");
    m.from_name = "A \"B\" \\ C";
    assert_has(compose(&m), "From: \"A \\\"B\\\" \\\\ C\"\r\n");
}

Test(mail, long_subjects_are_folded)
{
    struct mail m = sample();
    char subject[901];

    for (size_t i = 0; i < sizeof(subject) - 1; i += 2)
        memcpy(subject + i, "\xc3\xa9", 2);
    subject[900] = '\0';
    m.subject = subject;
    assert_lines(compose(&m));
    memset(subject, 'a', 900);
    assert_lines(compose(&m));
}

Test(mail, quoted_printable)
{
    struct mail m = sample();
    char wide[301];
    const char *bytes;

    m.text = "1 = 1 \ntab\t\r\nlone\rcr\nd\xc3\xa9j\xc3\xa0\nno end ";
    bytes = compose(&m);
    assert_lines(bytes);
    assert_has(bytes, "1 =3D 1=20\r\ntab=09\r\nlone=0Dcr\r\nd=C3=A9j=C3=A0\r\n"
                      "no end=20\r\n");
    memset(wide, 'w', 300);
    wide[300] = '\0';
    m.text = wide;
    assert_lines(compose(&m));
    memset(wide, '=', 300);
    assert_lines(compose(&m));
}

Test(mail, html_is_an_alternative)
{
    struct mail m = sample();
    const char *bytes;
    const char *text;
    const char *html;

    m.html = "<p class=\"x\">Hello</p>";
    bytes = compose(&m);
    assert_lines(bytes);
    assert_has(bytes, "Content-Type: multipart/alternative;\r\n boundary=\"=_");
    text = strstr(bytes, "Content-Type: text/plain");
    html = strstr(bytes, "Content-Type: text/html");
    cr_assert(text != NULL && html != NULL && text < html,
              "the richest comes last (RFC 2046 section 5.1.4)");
    assert_has(html, "<p class=3D\"x\">Hello</p>\r\n");
    cr_assert_str_eq(bytes + strlen(bytes) - 4, "--\r\n");
}

static void assert_refused(const struct mail *m)
{
    const char *bytes = NULL;
    size_t len;

    cr_assert_eq(mail_compose(&req, m, &bytes, &len), ERR_INVALID);
    cr_assert_null(bytes);
}

Test(mail, headers_cannot_be_injected)
{
    static const char *const texts[] = {
        "a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\x01", "a\x7f", "\xff"
    };
    static const char *const addresses[] = {
        "",
        "ann",
        "@example.org",
        "ann@",
        "a b@example.org",
        "ann@example.org\r\nRCPT TO:<eve@example.org>",
        "ann@example.org>\r\n",
        "<ann@example.org>",
        "ann@exam ple.org",
        "ann@@example.org",
        "a..b@example.org",
        ".a@example.org",
        "ann@example..org",
        "ann@example.org,eve@example.org",
        "\"a\"@example.org",
        "ann@[127.0.0.1]",
        "\xc3\xa9@example.org",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.c",
        NULL
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct mail m = sample();

        m.subject = texts[i];
        assert_refused(&m);
        m = sample();
        m.from_name = texts[i];
        assert_refused(&m);
    }
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct mail m = sample();

        m.to = addresses[i];
        assert_refused(&m);
        m = sample();
        m.message_id = addresses[i];
        assert_refused(&m);
    }
}

Test(mail, addresses_people_have)
{
    static const char *const good[] = { "a@b.c", "first.last+tag@example.org",
                                        "o'neil@sub.example.co.uk",
                                        "x_y-z@xn--bcher-kva.example" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct mail m = sample();

        m.to = good[i];
        (void)compose(&m);
    }
}

/* ---- conversations ----------------------------------------------------- */

static struct peer sink;
static const char *sink_http;
static struct http_dest inbox = { .name = "sink", .url = &sink_http };

static void start_sink(void)
{
    start();
    peer_start(&sink, "tests/harness/smtp_sink.py");
    smtp_init(arena_printf(arena, "smtp://127.0.0.1:%d", sink.ports[0]), NULL,
              NULL);
    sink_http = arena_printf(arena, "http://127.0.0.1:%d", sink.ports[1]);
}

static void stop_sink(void)
{
    peer_stop(&sink);
    stop();
}

TestSuite(smtp, .init = start_sink, .fini = stop_sink);

static void in_task(void *arg)
{
    void (*body)(void) = *(void (**)(void))arg;

    body();
    http_client_close();
    loop_stop();
}

static void run(void (*body)(void))
{
    task_start(in_task, &body);
    loop_run();
}

static const char *inbox_json(void)
{
    struct http_call c = { .method = "GET", .path = "/messages" };

    cr_assert_eq(http_call(&req, &inbox, &c), OK);
    return c.reply;
}

static void tell_to_fail(const char *json)
{
    struct http_call c = { .method = "POST",
                           .path = "/fail",
                           .body = json,
                           .body_len = strlen(json) };

    cr_assert_eq(http_call(&req, &inbox, &c), OK);
    cr_assert_eq(c.status, 204);
}

static void two_mails(void)
{
    struct mail m = sample();
    const char *got;

    m.html = "<p>Hello</p>";
    m.subject = "Zażółć";
    cr_assert_eq(smtp_send(&req, &m), OK, "%s", req.log_detail);
    m.to = "bob@example.org";
    cr_assert_eq(smtp_send(&req, &m), OK, "%s", req.log_detail);
    got = inbox_json();
    assert_has(got, "\"from\": \"shop@bodega.example\"");
    assert_has(got, "\"to\": [\"ann@example.org\"]");
    assert_has(got, "\"to\": [\"bob@example.org\"]");
    assert_has(got, "\"subject\": \"Za\\u017c\\u00f3\\u0142\\u0107\"");
    assert_has(got, "\"text\": \"Hello\\n.dot\\n\"");
    assert_has(got, "\"html\": \"<p>Hello</p>\\n\"");
}

Test(smtp, delivers)
{
    run(two_mails);
}

static void refusals(void)
{
    struct mail m = sample();

    tell_to_fail("{\"code\":451,\"count\":1,\"at\":\"rcpt\"}");
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE);
    tell_to_fail("{\"code\":550,\"count\":1,\"at\":\"rcpt\"}");
    cr_assert_eq(smtp_send(&req, &m), ERR_INVALID);
    tell_to_fail("{\"code\":452,\"count\":1,\"at\":\"data\"}");
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE);
    tell_to_fail("{\"code\":554,\"count\":1,\"at\":\"data\"}");
    cr_assert_eq(smtp_send(&req, &m), ERR_INVALID);
    tell_to_fail("{\"count\":1,\"at\":\"drop\"}");
    cr_assert_eq(smtp_send(&req, &m), ERR_UNCERTAIN, "%s", req.log_detail);
    cr_assert_str_eq(inbox_json(), "[]");
    cr_assert_eq(smtp_send(&req, &m), OK);
}

Test(smtp, tells_later_from_never_from_unknown)
{
    run(refusals);
}

static void no_server(void)
{
    struct mail m = sample();

    smtp_init("smtp://127.0.0.1:1", NULL, NULL);
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE);
    smtp_init(arena_printf(arena, "smtps://127.0.0.1:%d", sink.ports[0]), NULL,
              NULL);
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE, "it speaks no TLS");
}

Test(smtp, nobody_there)
{
    run(no_server);
}

static void needs_tls(void)
{
    struct mail m = sample();
    char path[] = P_tmpdir "/smtp_test_XXXXXX";
    int fd = mkstemp(path);

    cr_assert_eq(write(fd, "pw\n", 3), 3);
    (void)close(fd);
    smtp_init(arena_printf(arena, "smtp://127.0.0.1:%d", sink.ports[0]), "u",
              path);
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE);
    (void)unlink(path);
    cr_assert_eq(smtp_send(&req, &m), ERR_UNAVAILABLE, "no password file");
    cr_assert_str_eq(inbox_json(), "[]", "no password over a plain line");
}

Test(smtp, a_password_needs_tls)
{
    run(needs_tls);
}
