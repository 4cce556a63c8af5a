/* err_test - every row of the error table is usable as it stands. */
#include <criterion/criterion.h>
#include "base/err.h"

Test(err, rows_are_complete_and_slugs_unique)
{
    for (int i = OK + 1; i < ERR_COUNT; i++) {
        const struct err_info *row = err_info((enum err)i);

        cr_assert(row->status >= 400 && row->status <= 599, "%d", i);
        cr_assert(strspn(row->slug, "abcdefghijklmnopqrstuvwxyz-") ==
                  strlen(row->slug));
        cr_assert(row->title[0] != '\0');
        cr_assert_eq(err_from_slug(row->slug), (enum err)i, "%s", row->slug);
    }
}

Test(err, values_outside_the_table_are_internal)
{
    const struct err_info *internal = err_info(ERR_INTERNAL);

    cr_assert_eq(internal->status, 500);
    cr_assert_eq(err_info(OK), internal);
    cr_assert_eq(err_info(ERR_COUNT), internal);
    cr_assert_eq(err_info((enum err) - 1), internal);
    cr_assert_eq(err_info((enum err)100000), internal);
    cr_assert_eq(err_from_slug("no-such-slug"), ERR_INTERNAL);
    cr_assert_eq(err_from_slug(""), ERR_INTERNAL);
    cr_assert_eq(err_from_slug(NULL), ERR_INTERNAL);
}

Test(err, classes_say_what_may_be_tried_again)
{
    cr_assert_eq(err_info(ERR_OUT_OF_STOCK)->cls, CLASS_FINAL);
    cr_assert_eq(err_info(ERR_OVERLOAD)->cls, CLASS_RETRY);
    cr_assert_eq(err_info(ERR_UNCERTAIN)->cls, CLASS_UNCERTAIN);
    cr_assert_eq(err_info(ERR_AMOUNT)->status, 422);
}

static enum err pass_up(enum err e, int *reached)
{
    TRY(e);
    *reached = 1;
    return OK;
}

Test(err, try_returns_on_error_only)
{
    int reached = 0;

    cr_assert_eq(pass_up(ERR_CONFLICT, &reached), ERR_CONFLICT);
    cr_assert_eq(reached, 0);
    cr_assert_eq(pass_up(OK, &reached), OK);
    cr_assert_eq(reached, 1);
}
