using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Jobs;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Waits until a rebalance is over.</summary>
[Cmdlet(VerbsLifecycle.Wait, "ShardRebalance")]
[OutputType(typeof(ShardRebalance))]
public sealed class WaitShardRebalanceCommand : ConnectedCmdlet
{
    /// <summary>Citus's number of the job; the latest by default.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(JobCompleter))]
    public long? JobId { get; set; }

    /// <summary>Seconds to wait at most; the rebalance continues after that. 0 means no limit.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Timeout { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        ShardRebalance? seen = null;
        Tell(() => Run(async (output, stop) =>
        {
            var rebalancer = new ShardRebalancer(cluster);
            if (await rebalancer.FindAsync(JobId, stop) is not { } rebalance)
            {
                output.Verbose("There never was a rebalance in the background here.");
                return;
            }
            var bar = new RebalanceProgressBar(output);
            rebalance = await rebalancer.WaitAsync(rebalance, Timeout == 0 ? null : TimeSpan.FromSeconds(Timeout),
                now => bar.Show(seen = now), stop);
            bar.End();
            await output.ObjectAsync(rebalance);
            RebalanceErrors.Require(rebalance, Timeout);
        }, JobId), () => seen is null ? null : RebalanceErrors.Continues(seen));
    }
}
