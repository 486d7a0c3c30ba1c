/* nianshen-ops: what operators do to set the system up, feed it with reference data, and look into it. */
#include <sysexits.h>

#include "ops/commands.h"

static const struct command commands[] = {
    {.name = "migrate", .summary = "Create or bring up to date the schema of the database.", .run = migrate_run},
    {.name = "topics create",
     .summary = "Create the topics that are missing, with their settings, then check all of them.",
     .options = topics_create_options,
     .run = topics_create_run},
    {.name = "topics check",
     .summary = "Compare the topics with what the programs need. Exit 78 when one is wrong, 0 with warnings only.",
     .options = topics_check_options,
     .run = topics_check_run},
    {.name = "roster load",
     .summary = "Add or change units and members from CSV files; nothing is deleted. Exit 65 when a row was refused.",
     .options = roster_load_options,
     .run = roster_load_run},
    {.name = "roster export",
     .summary = "Write the members as CSV, with full ID numbers. It is noted who exported.",
     .options = roster_export_options,
     .run = roster_export_run},
    {.name = "campaign open",
     .summary = "Open a year's campaign, and wait until it is open when no --from is given.",
     .options = campaign_open_options,
     .run = campaign_open_run},
    {.name = "campaign close", .summary = "Close a year's campaign now.", .options = campaign_close_options, .run = campaign_close_run},
    {.name = "campaign extend",
     .summary = "Move the end of a campaign that is not closed yet.",
     .options = campaign_extend_options,
     .run = campaign_extend_run},
    {.name = "campaign list", .summary = "List the campaigns.", .options = campaign_list_options, .run = campaign_list_run},
    {.name = "reviewer add",
     .summary = "Register a reviewer of a superior union, or change the name.",
     .options = reviewer_add_options,
     .run = reviewer_add_run},
    {.name = "reviewer remove",
     .summary = "End a reviewer's registration.",
     .options = reviewer_remove_options,
     .run = reviewer_remove_run},
    {.name = "reviewer list", .summary = "List the reviewers.", .options = reviewer_list_options, .run = reviewer_list_run},
    {.name = "status",
     .summary = "Show how far each partition is. Exit 1 when a partition is halted or truncated, or a unit is held.",
     .options = status_options,
     .run = status_run},
    {.name = "review list",
     .summary = "List submissions, those of --superior that are --state pending for instance.",
     .options = review_list_options,
     .run = review_list_run},
    {.name = "review show",
     .summary = "Show what a superior union decides on: 年审明细. It is noted who looked.",
     .options = review_show_options,
     .run = review_show_run},
    {.name = "dead-letter list",
     .summary = "List records that could not be taken, the latest first.",
     .options = dead_letter_list_options,
     .run = dead_letter_list_run},
    {.name = "dead-letter show",
     .summary = "Show one dead letter as it stands in its topic, numbers masked, with the remedy and what was done about it.",
     .options = dead_letter_show_options,
     .run = dead_letter_show_run},
    {.name = "dead-letter redrive",
     .summary = "Publish dead letters again to the topics they came from; without --execute only show which.",
     .options = dead_letter_redrive_options,
     .run = dead_letter_redrive_run},
    {.name = "dead-letter discard",
     .summary = "Take dead letters off the list of open ones, with a reason; without --execute only show which.",
     .options = dead_letter_discard_options,
     .run = dead_letter_discard_run},
    {.name = "digest",
     .summary = "Print the digest of the state: equal digests mean equal submissions, decisions, memberships and removals.",
     .options = digest_options,
     .run = digest_run},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    int exit_status = EX_OK;
    struct config *config = config_read("nianshen-ops", commands, argc, argv, &exit_status);
    if (config == NULL) return exit_status;
    exit_status = config_command(config)->run(config);
    config_free(config);
    return exit_status;
}
