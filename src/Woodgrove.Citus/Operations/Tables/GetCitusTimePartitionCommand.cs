using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Lists the partitions of tables that are partitioned by time, with the ranges that have none.</summary>
[Cmdlet(VerbsCommon.Get, "CitusTimePartition")]
[OutputType(typeof(TimePartition))]
public sealed class GetCitusTimePartitionCommand : ConnectedCmdlet
{
    /// <summary>Just of these; of all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    public string[] Table { get; set; } = [];

    protected override void ProcessRecord()
    {
        if (IsPiped && Table.Length == 0) return;
        CitusConnection cluster = Cluster;
        Run((output, stop) => WriteAsync(cluster, Table, output, stop), string.Join(", ", Table));
    }

    internal static async Task WriteAsync(CitusConnection cluster, string[] tables, CmdletOutput output, CancellationToken stop)
    {
        foreach (TimePartition partition in await new TimePartitions(cluster) { Warn = output.Warning }.ListAsync(tables, stop))
            await output.ObjectAsync(partition);
    }
}
