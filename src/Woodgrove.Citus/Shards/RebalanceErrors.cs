using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Jobs;

namespace Woodgrove.Citus.Shards;

/// <summary>Errors of waiting for a rebalance.</summary>
internal static class RebalanceErrors
{
    /// <summary>Complains of a rebalance that was waited for.</summary>
    public static void Require(ShardRebalance rebalance, int timeout)
    {
        if (rebalance.IsActive) throw NotOver(rebalance, timeout);
        if (rebalance.State != JobState.Finished) throw Failed(rebalance);
    }

    /// <summary>What is so of a rebalance that was waited for until Ctrl+C.</summary>
    public static string Continues(ShardRebalance rebalance) =>
        $"The wait is over; job {rebalance.JobId} is {rebalance.State.ToString().ToLowerInvariant()} and continues: {DoneOf(rebalance)}. "
            + "Wait-ShardRebalance waits on, Stop-ShardRebalance stops it.";

    private static CitusException NotOver(ShardRebalance rebalance, int seconds) =>
        new("CitusRebalanceTimeout", CitusErrorKind.OperationTimeout,
            $"Job {rebalance.JobId} was not over after {seconds} s: {DoneOf(rebalance)}."
                + (rebalance.Moves.FirstOrDefault(m => m is { WaitsFor: not null, State: "running" or "runnable" }) is { } move
                    ? $" Shard {move.ShardId} waits for {move.WaitsFor}." : ""),
            "It continues. Wait on with Wait-ShardRebalance; Stop-ShardRebalance stops it, and shards that were moved stay moved.")
                { Target = rebalance.JobId };

    private static CitusException Failed(ShardRebalance rebalance) =>
        new("CitusRebalanceFailed", CitusErrorKind.InvalidOperation,
            ($"Job {rebalance.JobId} {(rebalance.State == JobState.Failed ? "failed" : "was cancelled")}: {DoneOf(rebalance)}. "
                + rebalance.Message).TrimEnd(),
            "What was moved stays moved. Get-ShardRebalance has the message of each move; start again when its cause is gone.")
                { Target = rebalance.JobId };

    private static string DoneOf(ShardRebalance rebalance) => $"{rebalance.Done} of {rebalance.Total} move(s) done";
}
