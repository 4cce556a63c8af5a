#include "io/pg_private.h"

/* PostgreSQL 15 documentation, appendix A. A row with two characters stands
 * for the whole class. */
static const struct {
    const char *state;
    enum err err;
} map[] = {
    { "23505", ERR_CONFLICT },    /* unique violation */
    { "23503", ERR_CONFLICT },    /* foreign key violation */
    { "23514", ERR_CONFLICT },    /* check violation */
    { "57014", ERR_DEADLINE },    /* statement timeout */
    { "55P03", ERR_DEADLINE },    /* lock timeout */
    { "40P01", ERR_UNAVAILABLE }, /* deadlock */
    { "40001", ERR_UNAVAILABLE }, /* serialization failure */
    { "25006", ERR_UNAVAILABLE }, /* a standby: failover is under way */
    { "53", ERR_OVERLOAD },       /* insufficient resources */
};

enum err pg_error(struct pg_call *call, const PGresult *res)
{
    const char *state = pq.PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *rule = pq.PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    if (state == NULL)
        state = "?";
    detail(call->req, "sqlstate %s%s%s", state, rule ? " constraint " : "",
           rule ? rule : "");
    call->again = strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0;
    /* The server forgot the statement, or a table changed under its plan. */
    call->stale = strcmp(state, "26000") == 0 || strcmp(state, "0A000") == 0;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
        if (strncmp(state, map[i].state, strlen(map[i].state)) == 0)
            return map[i].err;
    return ERR_INTERNAL;
}
