using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Jobs;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Shards;

/// <summary>Tells how far a rebalance is: its state, its moves, and what each of them does.</summary>
[Cmdlet(VerbsCommon.Get, "ShardRebalance")]
[OutputType(typeof(ShardRebalance))]
public sealed class GetShardRebalanceCommand : ConnectedCmdlet
{
    /// <summary>Citus's number of the job; the latest by default.</summary>
    [Parameter(Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(JobCompleter))]
    public long? JobId { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            if (await new ShardRebalancer(cluster).FindAsync(JobId, stop) is { } rebalance) await output.ObjectAsync(rebalance);
            else output.Verbose("There never was a rebalance in the background here.");
        }, JobId);
    }
}
