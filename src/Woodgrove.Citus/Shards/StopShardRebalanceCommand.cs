using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Stops the rebalance that runs; what it has moved stays moved.</summary>
[Cmdlet(VerbsLifecycle.Stop, "ShardRebalance", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.Medium)]
[OutputType(typeof(ShardRebalance))]
public sealed class StopShardRebalanceCommand : ConnectedCmdlet
{
    /// <summary>Seconds to wait for the moves that run to end.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue)]
    public int Timeout { get; set; } = 60;

    protected override void EndProcessing()
    {
        CitusConnection cluster = Cluster;
        if (!Agree(cluster.Name, "Stop the rebalance", out bool isTrial)) return;
        Run(async (output, stop) =>
        {
            var rebalancer = new ShardRebalancer(cluster);
            if (isTrial)
            {
                await rebalancer.RunningAsync(stop);
                return;
            }
            var bar = new RebalanceProgressBar(output);
            ShardRebalance stopped = await rebalancer.WaitAsync(await rebalancer.StopAsync(stop), TimeSpan.FromSeconds(Timeout), bar.Show,
                stop);
            bar.End();
            if (stopped.IsActive) output.Warning($"Job {stopped.JobId} is not over yet after {Timeout} s; Get-ShardRebalance follows it.");
            await output.ObjectAsync(stopped);
        }, cluster.Name);
    }
}
