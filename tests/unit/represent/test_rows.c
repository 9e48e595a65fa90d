/* The options' models, the recognisers' rows, their weights and their chips belong together. */
#include "align/align.h"
#include "models/catalogue.h"
#include "test.h"

static const df_option_info *models(void)
{
    for (size_t i = 0; df_option_at(i); i++)
        if (strcmp(df_option_at(i)->name, "model") == 0)
            return df_option_at(i);
    fail_msg("no option model");
    return NULL;
}

TEST(every_model_of_the_options_has_a_row_weights_and_a_chip_of_its_size)
{
    const df_option_info *info = models();
    size_t n = 0;
    for (; info->choices[n]; n++) {
        const df_recogniser *row = df__recogniser_find(info->choices[n]);
        if (!row)
            fail_msg("no row %s", info->choices[n]);
        const df_weights *w = df__weights_find(row->weights);
        const df_template *chip = df__template_find(row->chip);
        assert_string_equal(row->name, info->choices[n]);
        CHECK(w != NULL && strcmp(w->info.task, "recogniser") == 0 && w->urls[0] != NULL);
        if (!chip)
            fail_msg("%s: no chip %s", row->name, row->chip);
        if (chip->width != row->width || chip->height != row->height || w->info.width != row->width || w->info.height != row->height)
            fail_msg("%s: sizes of row, chip and weights differ", row->name);
        assert_int_equal(w->info.dims, row->dims);
        for (int c = 0; c < 3; c++)
            CHECK(row->feed.std[c] > 0 && row->feed.scale > 0);
    }
    assert_int_equal(n, 11);
    CHECK(df__recogniser_at(n) == NULL);
}
