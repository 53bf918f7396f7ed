using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Shows how far a rebalance is.</summary>
internal sealed class RebalanceProgressBar(CmdletOutput output)
{
    private const string Activity = "Rebalancing";

    public void Show(ShardRebalance rebalance)
    {
        ShardMove? move = rebalance.Moves.FirstOrDefault(m => m.State == "running");
        output.Progress(new ProgressRecord(1, Activity,
            $"{rebalance.Done} of {rebalance.Total} moves, {rebalance.State.ToString().ToLowerInvariant()}")
        {
            PercentComplete = rebalance.Total == 0 ? -1 : rebalance.Done * 100 / rebalance.Total,
            CurrentOperation = move is null ? ""
                : $"{move.Table} shard {move.ShardId} to {move.Target}: {move.Phase} {move.CopiedBytes:N0} of {move.SizeBytes:N0} bytes",
        });
    }

    public void End() => output.Progress(new ProgressRecord(1, Activity, "Done") { RecordType = ProgressRecordType.Completed });
}
