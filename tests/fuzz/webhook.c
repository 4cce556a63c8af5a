/* Fuzz target: the Stripe-Signature header. The input is header, newline, body.
 * Whatever comes, nothing is accepted: the secret is not in the corpus. */
#include <stdint.h>
#include "base/id.h"
#include "payment/payment_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char secret[ID_TOKEN_LEN + 1];
    const char *secrets[] = { secret, NULL, "" };
    char *header = malloc(size + 1);
    const uint8_t *end = memchr(data, '\n', size);
    size_t len = end ? (size_t)(end - data) : size;

    if (!header)
        abort();
    if (!*secret)
        id_token(secret);
    memcpy(header, data, len);
    header[len] = '\0';
    const char *body = end ? (const char *)end + 1 : "";
    if (signature_ok(header, body, end ? size - len - 1 : 0, secrets, 3, 1000))
        abort();
    free(header);
    return 0;
}
