/* The commands of nianshen-producer: the options of each and the function that runs it and returns the exit status. */
#ifndef NIANSHEN_PRODUCER_COMMANDS_H
#define NIANSHEN_PRODUCER_COMMANDS_H

#include "core/config.h"

extern const struct option template_options[], unit_review_options[], submit_options[], approve_options[], return_options[],
    withdraw_options[], publish_options[], check_id_options[], check_code_options[];

int template_run(const struct config *config);
int unit_review_run(const struct config *config);
int submit_run(const struct config *config);
int approve_run(const struct config *config);
int return_run(const struct config *config);
int withdraw_run(const struct config *config);
int publish_run(const struct config *config);
int check_id_run(const struct config *config);
int check_code_run(const struct config *config);

#endif
