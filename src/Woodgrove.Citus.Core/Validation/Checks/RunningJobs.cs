using Woodgrove.Citus.Connections;

namespace Woodgrove.Citus.Validation.Checks;

internal sealed class RunningJobs() : CitusCheck(CheckCategory.Upgrade,
    "No background job is to run, and no shard is being moved or split.",
    "A restart interrupts them, and what they leave behind is another version's to remove.")
{
    private static readonly Question<Job> Jobs = new(Ask.Cluster, """
        SELECT job_id, job_type::text, state::text, description FROM pg_catalog.pg_dist_background_job
        WHERE state::text NOT IN ('finished', 'cancelled', 'failed') ORDER BY job_id
        """);

    // Moves and splits that a session makes, without a job.
    private static readonly Question<Transfer> Transfers = new(Ask.Cluster, $"""
        SELECT DISTINCT operation_type, progress_of, pid FROM (
            SELECT operation_type::text, {SearchPath.Show("table_name")} AS progress_of, sessionid AS pid
            FROM pg_catalog.get_rebalance_progress()) p
        WHERE pid NOT IN (SELECT coalesce(t.pid, 0) FROM pg_catalog.pg_dist_background_task t)
        ORDER BY 2, 1, 3
        """);

    public override IReadOnlyList<Question> Questions => [Jobs, Transfers];

    public override Verdict Decide(Facts facts)
    {
        IReadOnlyList<Job> jobs = facts.Of(Jobs);
        IReadOnlyList<Transfer> transfers = facts.Of(Transfers);
        if (jobs.Count + transfers.Count == 0) return Verdict.Passed("nothing under way", "no job, no move, no split");
        return new Verdict(CheckStatus.Failed, "nothing under way", Verdict.List(
            [.. jobs.Select(j => $"{j.JobType} {j.JobId} is {j.State}"),
                .. transfers.Select(t => $"a {t.OperationType} of {t.ProgressOf}")]),
            [.. jobs, .. transfers], string.Join('\n', [
                .. jobs.Select(j => $"Wait-CitusJob {j.JobId} # or Stop-CitusJob {j.JobId}"),
                .. transfers.Select(t => "Get-ShardRebalance "
                    + $"# and wait for the {t.OperationType} of {t.ProgressOf}, by process {t.Pid}")]));
    }

    public sealed record Job(long JobId, string JobType, string State, string? Description);

    public sealed record Transfer(string? OperationType, string? ProgressOf, int Pid);
}
