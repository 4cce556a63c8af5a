/* lazy - dlopen(3) behind a table; why: common/doc/0003-lazy-libraries.md. */
#include <dlfcn.h>
#include "io/lazy.h"
#include "obs/log.h"

bool lazy_open(const char *soname, const struct lazy_symbol *symbols)
{
    void *lib = dlopen(soname, RTLD_NOW | RTLD_LOCAL);

    if (lib == NULL) {
        log_error(NULL, "library not found", LOG_STR("library", soname),
                  LOG_STR("reason", dlerror()));
        return false;
    }
    for (; symbols->name != NULL; symbols++) {
        *symbols->where = dlsym(lib, symbols->name);
        if (*symbols->where == NULL) {
            log_error(NULL, "library lacks a function",
                      LOG_STR("library", soname),
                      LOG_STR("symbol", symbols->name));
            return false;
        }
    }
    return true;
}
