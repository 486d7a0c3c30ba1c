/* The commands of nianshen-ops: the options of each and the function that runs it and returns the exit status. */
#ifndef NIANSHEN_OPS_COMMANDS_H
#define NIANSHEN_OPS_COMMANDS_H

#include "core/config.h"

extern const struct option topics_create_options[], topics_check_options[];
extern const struct option roster_load_options[], roster_export_options[];
extern const struct option campaign_open_options[], campaign_close_options[], campaign_extend_options[], campaign_list_options[];
extern const struct option campaign_purge_options[];
extern const struct option unit_held_options[], unit_release_options[], unit_limit_options[];
extern const struct option reviewer_add_options[], reviewer_remove_options[], reviewer_list_options[];
extern const struct option status_options[], review_list_options[], review_show_options[];
extern const struct option dead_letter_list_options[], dead_letter_show_options[];
extern const struct option dead_letter_redrive_options[], dead_letter_discard_options[], digest_options[];
extern const struct option check_options[], replay_options[], verify_options[], settle_options[];
extern const struct option partition_list_options[], partition_resume_options[];

int migrate_run(const struct config *config);
int topics_create_run(const struct config *config);
int topics_check_run(const struct config *config);
int roster_load_run(const struct config *config);
int roster_export_run(const struct config *config);
int reference_dump_run(const struct config *config);
int reference_restore_run(const struct config *config);
int campaign_open_run(const struct config *config);
int campaign_close_run(const struct config *config);
int campaign_extend_run(const struct config *config);
int campaign_purge_run(const struct config *config);
int campaign_list_run(const struct config *config);
int unit_held_run(const struct config *config);
int unit_release_run(const struct config *config);
int unit_limit_run(const struct config *config);
int reviewer_add_run(const struct config *config);
int reviewer_remove_run(const struct config *config);
int reviewer_list_run(const struct config *config);
int status_run(const struct config *config);
int review_list_run(const struct config *config);
int review_show_run(const struct config *config);
int dead_letter_list_run(const struct config *config);
int dead_letter_show_run(const struct config *config);
int dead_letter_redrive_run(const struct config *config);
int dead_letter_discard_run(const struct config *config);
int digest_run(const struct config *config);
int check_run(const struct config *config);
int settle_run(const struct config *config);
int replay_run(const struct config *config);
int verify_run(const struct config *config);
int partition_list_run(const struct config *config);
int partition_resume_run(const struct config *config);

#endif
