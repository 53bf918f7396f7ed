namespace Woodgrove.Citus.Validation.Checks;

internal sealed class BackgroundTasks() : CitusCheck(CheckCategory.Metadata,
    "No background task has failed or is being retried.",
    "Rebalances and large moves run as background tasks. One that fails ends its job half-way, without a notice.")
{
    private static readonly Question<Failing> Tasks = new(Ask.Cluster, """
        SELECT t.job_id, t.task_id, j.job_type, j.state::text AS job_state, t.status::text AS status,
            coalesce(t.retry_count, 0) AS retries, t.command, pg_catalog.left(t.message, 500) AS message,
               (extract(epoch FROM pg_catalog.now() - coalesce(j.finished_at, j.started_at, pg_catalog.now())) / 86400)::float8 AS age_days
        FROM pg_catalog.pg_dist_background_task t JOIN pg_catalog.pg_dist_background_job j USING (job_id)
        WHERE (t.status = 'error' OR t.retry_count > 0) AND j.state NOT IN ('cancelled', 'finished')
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_dist_background_job l
                WHERE l.job_id > j.job_id AND l.job_type = j.job_type AND l.state = 'finished')
        ORDER BY t.task_id DESC LIMIT 1000
        """);

    public override Threshold Threshold => new(7, "days to look back");

    public override IReadOnlyList<Question> Questions => [Tasks];

    public override Verdict Decide(Facts facts)
    {
        Failing[] recent = [.. facts.Of(Tasks).Where(t => t.AgeDays <= facts.Limit)];
        return Verdict.Unless(recent, recent.Any(t => t.Status == "error") ? CheckStatus.Failed : CheckStatus.Warning,
            $"none in {facts.Limit:0.#} day(s), but of jobs that were cancelled or have since succeeded", "none failed, none retried",
            t => Verdict.List(t.Select(x => $"task {x.TaskId} of {x.JobType} {x.JobId}: {x.Status}, {x.Retries} retries, "
                + $"{x.Message.Split('\n')[0].Trim()}"), 2),
            t => Verdict.Lines(t, x => x.JobState == "failed"
                ? $"Get-CitusJob {x.JobId} | ForEach-Object Tasks # fix what the message says, then start the {x.JobType} again"
                : $"Stop-CitusJob {x.JobId} # or fix what the message says (Get-CitusJob {x.JobId} | ForEach-Object Tasks), and Citus tries again"));
    }

    public sealed record Failing(long JobId, long TaskId, string JobType, string JobState, string Status, int Retries, string Command,
        string Message, double AgeDays);
}
