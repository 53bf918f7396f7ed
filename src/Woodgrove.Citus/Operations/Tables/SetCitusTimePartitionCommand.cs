using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Gives old partitions of a table another access method.</summary>
[Cmdlet(VerbsCommon.Set, "CitusTimePartition", SupportsShouldProcess = true, ConfirmImpact = ConfirmImpact.High)]
[OutputType(typeof(TimePartition), typeof(ClusterChange))]
public sealed class SetCitusTimePartitionCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>Those that end at this moment or before.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    public DateTime OlderThan { get; set; }

    [Parameter(Mandatory = true)]
    [ValidateSet("heap", "columnar")]
    public string AccessMethod { get; set; } = "";

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((output, stop) => new TimePartitions(cluster) { Warn = output.Warning }.StoreAsync(TableName.Parse(Table), OlderThan,
                AccessMethod.ToLowerInvariant(), stop),
            (output, stop) => GetCitusTimePartitionCommand.WriteAsync(cluster, [Table], output, stop), Table);
    }
}
