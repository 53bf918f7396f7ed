using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Lets the cluster move shards in the background until its nodes hold about the same.</summary>
[Cmdlet(VerbsLifecycle.Start, "ShardRebalance", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ShardRebalance), typeof(ShardMove))]
public sealed class StartShardRebalanceCommand : ConnectedCmdlet
{
    private const string NothingToMove = "There is nothing to move: the nodes are as even as the strategy asks for.";

    /// <summary>What the nodes are made even in: by_disk_size, by_shard_count, or a strategy of one's own.</summary>
    [Parameter(Position = 0)]
    [ArgumentCompleter(typeof(StrategyCompleter))]
    public string? Strategy { get; set; }

    /// <summary>Moves shards off nodes that should have none, and no others.</summary>
    [Parameter]
    public SwitchParameter DrainOnly { get; set; }

    /// <summary>How rows get to the other node, in Citus's words.</summary>
    [Parameter]
    [ValidateSet("auto", "force_logical", "block_writes")]
    public string TransferMode { get; set; } = "auto";

    /// <summary>Copies reference tables to nodes that lack them several at a time.</summary>
    [Parameter]
    public SwitchParameter ParallelReferenceTables { get; set; }

    /// <summary>Moves the shards of one colocation group several at a time.</summary>
    [Parameter]
    public SwitchParameter ParallelColocatedShards { get; set; }

    /// <summary>Returns when the rebalance is over.</summary>
    [Parameter]
    public SwitchParameter Wait { get; set; }

    /// <summary>Seconds to wait at most; the rebalance continues after that. 0 means no limit.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Timeout { get; set; }

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        var order = new RebalanceOrder(Strategy, DrainOnly, TransferMode.ToLowerInvariant())
            { ParallelReferenceTables = ParallelReferenceTables, ParallelColocatedShards = ParallelColocatedShards };
        if (!ShouldProcess(cluster.Name, DrainOnly ? "Move shards off nodes that should have none" : "Rebalance shards"))
        {
            if (IsWhatIf)
            {
                Run(async (output, stop) =>
                {
                    IReadOnlyList<ShardMove> moves = await new ShardRebalancer(cluster) { Warn = output.Warning }.PlanAsync(order, stop);
                    if (moves.Count == 0) output.Information(NothingToMove);
                    foreach (ShardMove move in moves) await output.ObjectAsync(move);
                }, cluster.Name);
            }
            return;
        }
        ShardRebalance? seen = null;
        Tell(() => Run(async (output, stop) =>
        {
            var rebalancer = new ShardRebalancer(cluster) { Warn = output.Warning };
            if (await rebalancer.StartAsync(order, stop) is not { } rebalance)
            {
                output.Information(NothingToMove);
                return;
            }
            seen = rebalance;
            output.Verbose($"Job {rebalance.JobId} makes {rebalance.Total} move(s) in the background. "
                + "It continues when this session ends.");
            if (Wait)
            {
                var bar = new RebalanceProgressBar(output);
                rebalance = await rebalancer.WaitAsync(rebalance, Timeout == 0 ? null : TimeSpan.FromSeconds(Timeout),
                    now => bar.Show(seen = now), stop);
                bar.End();
            }
            await output.ObjectAsync(rebalance);
            if (Wait) RebalanceErrors.Require(rebalance, Timeout);
        }, cluster.Name), () => seen is null ? null : RebalanceErrors.Continues(seen));
    }
}
