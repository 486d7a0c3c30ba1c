# Writes docs/codes.md from schemas/codes.tsv, the one table of codes:  awk -f schemas/codes.awk schemas/codes.tsv > docs/codes.md
# The layout of the table is checked by core/gen/code_table.awk, which every build runs; here only a kind without a heading is an error.

BEGIN {
    FS = "\t"
    kinds = split("dead-letter rejection row warning decision waiting file roster setup", order, " ")
    title["dead-letter"] = "Dead letters 死信"
    about["dead-letter"] = "The record can not be attributed or breaks the contract. It goes to the dead-letter topic with the code in `nianshen_dl_code`; there is no outcome.\n" \
        "记录无法归属或违反约定，连同代码（`nianshen_dl_code`）写入死信主题，没有处理结果。"
    title["rejection"] = "Rejections 拒绝"
    about["rejection"] = "A well-formed event that the rules refuse: `code` of `nianshen.member-review.rejected.v1`, and of the errors in `nianshen.unit-review.rejected.v1`.\n" \
        "格式正确但不合规则的事件：见 `nianshen.member-review.rejected.v1` 的 `code` 与 `nianshen.unit-review.rejected.v1` 的各条错误。"
    title["row"] = "Entry errors 条目错误"
    about["row"] = "What is wrong with one entry of a submission that was rejected as `row-errors`.\n提交因 `row-errors` 被拒绝时，各条目的问题。"
    title["warning"] = "Warnings 提示"
    about["warning"] = "Nothing is refused; the reviewer sees them next to the entry.\n不影响受理，审核人会在条目旁看到。"
    title["decision"] = "Refused decisions 未被接受的审核"
    about["decision"] = "`code` of `nianshen.decision.rejected.v1`.\n`nianshen.decision.rejected.v1` 的 `code`。"
    title["waiting"] = "Waiting 等待"
    about["waiting"] = "`code` of `nianshen.member-review.waiting.v1`.\n`nianshen.member-review.waiting.v1` 的 `code`。"
    title["file"] = "Files 文件"
    about["file"] = "What the programs say about a file before anything is sent.\n发送之前，程序对文件的提示。"
    title["roster"] = "Roster load 名册加载"
    about["roster"] = "Why `nianshen-ops roster load` refuses or skips a row.\n`nianshen-ops roster load` 拒绝或跳过某一行的原因。"
    title["setup"] = "Set-up 环境"
    about["setup"] = "What the programs say about the broker, the database or the configuration.\n程序对代理、数据库或配置的提示。"
}

NR == 1 { next }

{
    if (!($2 in title)) {
        printf "%s:%d: the kind %s has no heading in schemas/codes.awk\n", FILENAME, NR, $2 >"/dev/stderr"
        failed = 1
        exit 1
    }
    gsub(/\|/, "\\|")
    rows[$2] = rows[$2] "| `" $1 "` | " $3 " | " $5 " | " $4 " | " $6 " |\n"
}

END {
    if (failed) exit 1
    print "# Codes 代码表\n"
    print "Generated from [`schemas/codes.tsv`](../schemas/codes.tsv) by `schemas/codes.awk`; change the table, not this file."
    print "`{position}`, `{expected}` and `{field}` are filled in where the code is reported. Codes are stable; new ones may be added."
    print "由 `schemas/codes.tsv` 生成，请勿手改。代码保持不变，以后可能增加。"
    for (i = 1; i <= kinds; i++) {
        if (!(order[i] in rows)) continue
        printf "\n## %s\n\n%s\n\n", title[order[i]], about[order[i]]
        print "| code 代码 | 含义 | 处理办法 | meaning | what to do |\n| --- | --- | --- | --- | --- |"
        printf "%s", rows[order[i]]
    }
}
