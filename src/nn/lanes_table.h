/* lanes_table.h - what a file of one level offers. */
#define DF_LANES_TABLE                                                                                     \
    {                                                                                                      \
        .in_2 = {{in_2, in_2_to_bf16}, {in_2_of_bf16, in_2_bf16}},                                         \
        .in_4 = {{in_4, in_4_to_bf16}, {in_4_of_bf16, in_4_bf16}},                                         \
        .out_2 = {out_2, out_2_to_bf16}, .out_4 = {out_4, out_4_to_bf16},                                  \
        .panel_rows = PANEL_ROWS,                                                                          \
        .panel = {panel, panel_bf16, panel_s16}, .pixels = {pixels, pixels_bf16, pixels_s16},              \
        .to_bf16 = convert_bf16, .from_bf16 = widen_bf16, .powers_bf16 = powers_bf16,                      \
        .range = range, .to_s8 = to_s8, .to_u8 = to_u8, .largest = largest, .to_s16 = round_s16,           \
        .dots = dots, .dots_bf16 = dots_bf16, .dots_s16 = dots_s16, .dots_s8 = dots_s8,                    \
        .scaled_tail = {scaled_tail, scaled_tail_to_bf16},                                                 \
        .pool = {pool, pool_of_bf16},                                                                      \
        .pool_line = {{pool_line, pool_line_to_bf16}, {pool_line_of_bf16, pool_line_bf16}},                \
        .depthwise = {{depthwise, depthwise_to_bf16}, {depthwise_of_bf16, depthwise_bf16}},                \
        .sum_pixels = {sum_pixels, sum_pixels_bf16},                                                       \
        .scale_pixels = {{scale_pixels, scale_pixels_to_bf16}, {scale_pixels_of_bf16, scale_pixels_bf16}}, \
        .few = {{few, few_to_bf16}, {few_of_bf16, few_bf16}},                                              \
        .dense = dense, .row_tail = row_tail, .most = most, .more_channels = more_channels,                \
    }
