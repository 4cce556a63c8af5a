/* smtp_compose - a mail as bytes: RFC 5322 headers, RFC 2047 encoded words,
 * RFC 2045 quoted-printable, RFC 2046 multipart/alternative. Everything that
 * reaches a header is checked first, so that no name can add one. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/utf8.h"
#include "io/smtp.h"

#define LINE_MAX_CHARS 76  /* RFC 2045 section 6.7 (5), RFC 2047 section 2 */
#define WORD_MAX_CHARS 75  /* RFC 2047 section 2 */
#define ADDRESS_MAX    254 /* RFC 5321 section 4.5.3.1.3, without the <> */
#define LOCAL_MAX      64  /* section 4.5.3.1.1 */
#define HEADER_MAX     1000

static const char hex[] = "0123456789ABCDEF";

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

/* dot-atom of RFC 5322 section 3.2.3, at most `max` bytes; `extra` are the
 * characters allowed besides letters and digits. */
static bool is_dot_atom(const char *s, size_t len, size_t max,
                        const char *extra)
{
    if (len == 0 || len > max || s[0] == '.' || s[len - 1] == '.')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '.' ? s[i - 1] == '.'
                        : !is_alnum(s[i]) && strchr(extra, s[i]) == NULL)
            return false;
    }
    return true;
}

/* local-part "@" domain, without quoted strings and address literals: what
 * people have, and nothing that a header or a command could trip over. */
static bool is_address(const char *s)
{
    const char *at = s != NULL ? strchr(s, '@') : NULL;

    return at != NULL && strlen(s) <= ADDRESS_MAX &&
           is_dot_atom(s, (size_t)(at - s), LOCAL_MAX, "!#$%&'*+-/=?^_`{|}~") &&
           is_dot_atom(at + 1, strlen(at + 1), ADDRESS_MAX, "-");
}

/* UTF-8 in one line, without control characters; NULL is none. */
static bool is_header_text(const char *s)
{
    size_t len = s != NULL ? strlen(s) : 0;

    if (s == NULL || len > HEADER_MAX || !utf8_ok(s, len))
        return false;
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c < 0x20 || c == 0x7f)
            return false;
    }
    return true;
}

/* Printable ASCII that no reader takes for an encoded word, and short enough
 * to need no folding. */
static bool is_plain(const char *s)
{
    for (const char *c = s; *c != '\0'; c++) {
        if ((unsigned char)*c > 0x7e)
            return false;
    }
    return strstr(s, "=?") == NULL && strlen(s) <= 60;
}

/* RFC 2047 section 4.2, with the small alphabet of section 5 (3), which is
 * right in a subject and in a display name. `column`: where the line is. */
static void put_words(struct buf *b, const char *s, size_t column)
{
    static const char start[] = "=?UTF-8?Q?";
    size_t len = strlen(s);
    size_t word = 0; /* characters of the open word, 0: none is open */

    for (size_t i = 0; i < len;) {
        size_t n = utf8_next(s + i, len - i); /* never split a character */
        bool safe = n == 1 && (is_alnum(s[i]) || s[i] == ' ');
        size_t need = safe ? 1 : 3 * n;
        size_t limit = column + WORD_MAX_CHARS > LINE_MAX_CHARS
                           ? LINE_MAX_CHARS - column
                           : WORD_MAX_CHARS;

        if (word > 0 && word + need + 2 > limit) {
            buf_str(b, "?=\r\n ");
            column = 1;
            word = 0;
        }
        if (word == 0) {
            buf_str(b, start);
            word = sizeof(start) - 1;
        }
        word += need;
        for (size_t k = 0; k < n; k++, i++) {
            unsigned char c = (unsigned char)s[i];

            if (safe)
                buf_char(b, c == ' ' ? '_' : (char)c);
            else
                buf_printf(b, "=%c%c", hex[c >> 4], hex[c & 15]);
        }
    }
    buf_str(b, "?=");
}

static void put_subject(struct buf *b, const char *s)
{
    buf_str(b, "Subject: ");
    if (is_plain(s))
        buf_str(b, s);
    else
        put_words(b, s, strlen("Subject: "));
    buf_str(b, "\r\n");
}

static void put_from(struct buf *b, const struct mail *m)
{
    buf_str(b, "From: ");
    if (m->from_name != NULL && *m->from_name != '\0') {
        if (is_plain(m->from_name)) {
            buf_char(b, '"'); /* quoted-string, section 3.2.4 */
            for (const char *c = m->from_name; *c != '\0'; c++) {
                if (*c == '"' || *c == '\\')
                    buf_char(b, '\\');
                buf_char(b, *c);
            }
            buf_char(b, '"');
        } else {
            put_words(b, m->from_name, strlen("From: "));
        }
        buf_str(b, "\r\n "); /* the address gets a line of its own */
    }
    buf_printf(b, "<%s>\r\n", m->from);
}

/* RFC 5322 section 3.3; names are English whatever the locale. */
static void put_date(struct buf *b, int64_t wall_us)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm t;

    if (gmtime_r(&(time_t){ wall_us / 1000000 }, &t) == NULL)
        abort();
    buf_printf(b, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n",
               days + (size_t)t.tm_wday * 3, t.tm_mday,
               months + (size_t)t.tm_mon * 3, t.tm_year + 1900, t.tm_hour,
               t.tm_min, t.tm_sec);
}

/* Quoted-printable. Every line ends in CRLF, also the last. */
static void put_quoted_printable(struct buf *b, const char *s)
{
    size_t column = 0;

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        bool at_end =
            s[1] == '\0' || s[1] == '\n' || (s[1] == '\r' && s[2] == '\n');
        /* blanks at the end of a line may be taken off on the way */
        bool as_is = (c > 0x20 && c < 0x7f && c != '=') ||
                     ((c == ' ' || c == '\t') && !at_end);
        size_t need = as_is ? 1 : 3;

        if (c == '\r' && s[1] == '\n')
            continue;
        if (c == '\n') {
            buf_str(b, "\r\n");
            column = 0;
            continue;
        }
        if (column + need > LINE_MAX_CHARS - 1) { /* room for the '=' */
            buf_str(b, "=\r\n");
            column = 0;
        }
        column += need;
        if (as_is)
            buf_char(b, (char)c);
        else
            buf_printf(b, "=%c%c", hex[c >> 4], hex[c & 15]);
    }
    if (column > 0)
        buf_str(b, "\r\n");
}

static void put_part(struct buf *b, const char *type, const char *text)
{
    buf_printf(b,
               "Content-Type: %s; charset=utf-8\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n",
               type);
    put_quoted_printable(b, text);
}

/* "=_" cannot occur in quoted-printable text (RFC 2045 section 6.7). */
static void put_alternatives(struct buf *b, const struct mail *m)
{
    char digest[ID_HASH_LEN + 1];

    id_sha256_hex(m->message_id, strlen(m->message_id), digest);
    digest[24] = '\0';
    buf_printf(b,
               "Content-Type: multipart/alternative;\r\n"
               " boundary=\"=_%s\"\r\n\r\n--=_%s\r\n",
               digest, digest);
    put_part(b, "text/plain", m->text);
    buf_printf(b, "\r\n--=_%s\r\n", digest);
    put_part(b, "text/html", m->html);
    buf_printf(b, "\r\n--=_%s--\r\n", digest);
}

enum err mail_compose(struct req *r, const struct mail *m, const char **ret,
                      size_t *ret_len)
{
    struct buf b;

    if (!is_address(m->to) || !is_address(m->from) ||
        !is_address(m->message_id))
        return fail(r, ERR_INVALID, "not a mail address");
    if (!is_header_text(m->subject) ||
        (m->from_name != NULL && !is_header_text(m->from_name)))
        return fail(r, ERR_INVALID, "not fit for a mail header");
    buf_init(&b, r->arena);
    put_date(&b, clock_wall_us());
    put_from(&b, m);
    buf_printf(&b, "To: <%s>\r\n", m->to);
    put_subject(&b, m->subject);
    buf_printf(&b,
               "Message-ID: <%s>\r\n"
               "Auto-Submitted: auto-generated\r\n" /* RFC 3834 section 5 */
               "MIME-Version: 1.0\r\n",
               m->message_id);
    if (m->html != NULL)
        put_alternatives(&b, m);
    else
        put_part(&b, "text/plain", m->text);
    *ret = b.data;
    *ret_len = b.len;
    return OK;
}
