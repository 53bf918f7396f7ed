using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Operations.Tables;

/// <summary>Creates the partitions of a table that a range of time lacks.</summary>
[Cmdlet(VerbsCommon.New, "CitusTimePartition", SupportsShouldProcess = true)]
[OutputType(typeof(TimePartition), typeof(ClusterChange))]
public sealed class NewCitusTimePartitionCommand : ChangeCmdlet
{
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>How much time a partition holds, as PostgreSQL writes intervals: 1 day.</summary>
    [Parameter(Mandatory = true, Position = 1)]
    [ArgumentCompleter(typeof(IntervalCompleter))]
    [ValidateNotNullOrEmpty]
    public string Interval { get; set; } = "";

    /// <summary>The last moment that shall have a partition.</summary>
    [Parameter(Mandatory = true, Position = 2)]
    public DateTime Through { get; set; }

    /// <summary>The first moment that shall have one; now by default.</summary>
    [Parameter]
    public DateTime? StartFrom { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        Change((_, stop) => new TimePartitions(cluster).CreateAsync(TableName.Parse(Table), Interval, Through, StartFrom, stop),
            (output, stop) => GetCitusTimePartitionCommand.WriteAsync(cluster, [Table], output, stop), Table);
    }
}
