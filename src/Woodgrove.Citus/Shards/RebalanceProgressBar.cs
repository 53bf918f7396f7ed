using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Shows how far a rebalance is, with the bytes of the running move and an estimate of the time left.</summary>
internal sealed class RebalanceProgressBar(CmdletOutput output)
{
    private const string Activity = "Rebalancing";

    public void Show(ShardRebalance rebalance)
    {
        // Moves count alike, since Citus gives the size of those that run only.
        double running = rebalance.Moves.Where(m => m is { State: "running", SizeBytes: > 0 })
            .Sum(m => Math.Min(1, (double)(m.CopiedBytes ?? 0) / m.SizeBytes!.Value));
        double done = Math.Min(1, (rebalance.Done + running) / Math.Max(1, rebalance.Total));
        ShardMove? move = rebalance.Moves.FirstOrDefault(m => m.State == "running");
        var record = new ProgressRecord(1, Activity,
            $"{rebalance.Done} of {rebalance.Total} moves, {rebalance.State.ToString().ToLowerInvariant()}")
        {
            PercentComplete = rebalance.Total == 0 ? -1 : (int)(100 * done),
            CurrentOperation = move is null ? ""
                : $"{move.Table} shard {move.ShardId} to {move.Target}: {move.Phase} {move.CopiedBytes:N0} of {move.SizeBytes:N0} bytes",
        };
        if (done > 0 && done < 1 && rebalance.StartedAt is { } start)
            record.SecondsRemaining = (int)Math.Max(0, (DateTimeOffset.UtcNow - start).TotalSeconds * (1 - done) / done);
        output.Progress(record);
    }

    public void End() => output.Progress(new ProgressRecord(1, Activity, "Done") { RecordType = ProgressRecordType.Completed });
}
