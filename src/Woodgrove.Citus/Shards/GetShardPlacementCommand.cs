using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Lists where shards lie, one object a placement.</summary>
[Cmdlet(VerbsCommon.Get, "ShardPlacement")]
[OutputType(typeof(ShardPlacement))]
public sealed class GetShardPlacementCommand : ConnectedCmdlet
{
    /// <summary>Just these tables; all by default.</summary>
    [Parameter(Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    public string[] Table { get; set; } = [];

    /// <summary>A value of the distribution column: just the shard that holds it.</summary>
    [Parameter(Position = 1)]
    [ValidateNotNull]
    public object? Value { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster;
        string? value = Value is null ? null : Text(Value is PSObject wrapped ? wrapped.BaseObject : Value);
        if (value is not null && Table.Length == 0)
        {
            ThrowTerminatingError(CitusErrorRecord.From(new Errors.CitusException("CitusTableNeeded", Errors.CitusErrorKind.InvalidArgument,
                "-Value needs a -Table: the same value lies in another shard of each table.", "Name the table."), Value));
        }
        Run(async (output, stop) =>
        {
            await foreach (ShardPlacement placement in ClusterMetadata.PlacementsAsync(cluster, Table, value, stop)) await output.ObjectAsync(placement);
        }, string.Join(", ", Table));
    }

    /// <summary>As PostgreSQL's input reads it, whatever the session's culture.</summary>
    private static string Text(object value) => value switch
    {
        DateTime { Kind: DateTimeKind.Utc } moment => moment.ToString("O", CultureInfo.InvariantCulture),
        DateTime local => local.ToString("yyyy-MM-ddTHH:mm:ss.ffffff", CultureInfo.InvariantCulture),
        DateTimeOffset moment => moment.ToString("O", CultureInfo.InvariantCulture),
        DateOnly date => date.ToString("O", CultureInfo.InvariantCulture),
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
