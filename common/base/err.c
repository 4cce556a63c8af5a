/* err - the rows of ERR_TABLE as an array, and the way back from a slug. */
#include "base/err.h"

static const struct err_info rows[ERR_COUNT] = {
#define X(name, status, slug, class, title)                                    \
    [name] = { status, slug, CLASS_##class, title },
    ERR_TABLE(X)
#undef X
};

const struct err_info *err_info(enum err e)
{
    /* Through unsigned, because a value out of the enum may be negative. */
    if ((unsigned)e == OK || (unsigned)e >= ERR_COUNT)
        return &rows[ERR_INTERNAL];
    return &rows[e];
}

enum err err_from_slug(const char *slug)
{
    for (unsigned i = OK + 1; slug != NULL && i < ERR_COUNT; i++) {
        if (strcmp(rows[i].slug, slug) == 0)
            return (enum err)i;
    }
    return ERR_INTERNAL;
}
