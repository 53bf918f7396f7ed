using System.Collections;
using System.Data;
using System.Management.Automation;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Shards;

/// <summary>Says for each value in which shard, and on which node, rows of that distribution value lie.</summary>
[Cmdlet(VerbsDiagnostic.Resolve, "ShardPlacement")]
[OutputType(typeof(ShardLocation))]
public sealed class ResolveShardPlacementCommand : ConnectedCmdlet
{
    private const int LargestQuestion = 5000;
    private readonly List<object?> _waiting = [];
    private ShardResolver? _resolver;

    [Parameter(Mandatory = true, Position = 0)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>Values of the distribution column, or rows that have a property of its name.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipeline = true)]
    [AllowNull, AllowEmptyString, AllowEmptyCollection]
    public object?[]? Value { get; set; } = [];

    protected override void BeginProcessing()
    {
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            _resolver = await ShardResolver.OpenAsync(cluster, Table, stop);
            if (_resolver.AsksServer)
                output.Verbose($"The hash of {Table}.{_resolver.DistributionColumn} is the server's alone, so it is asked, "
                    + $"for up to {LargestQuestion:N0} values at a time.");
        }, Table);
    }

    protected override void ProcessRecord()
    {
        foreach (object? given in Value ?? [null])
        {
            object? value = ValueOf(given);
            // What waits for the server holds back what comes after it: answers keep the order of the values.
            if (_waiting.Count == 0 && _resolver!.TryResolve(value) is { } answer) Write(this, answer, Table);
            else _waiting.Add(value);
            if (_waiting.Count == LargestQuestion) Ask();
        }
    }

    protected override void EndProcessing() => Ask();

    private void Ask()
    {
        if (_waiting.Count == 0) return;
        Run(async (output, stop) =>
        {
            foreach (ShardAnswer answer in await _resolver!.ResolveAsync(_waiting, stop)) await output.Async(c => Write(c, answer, Table));
        }, Table);
        _waiting.Clear();
    }

    private static void Write(PSCmdlet cmdlet, ShardAnswer answer, string table)
    {
        if (answer.Found is { } found) cmdlet.WriteObject(found);
        else cmdlet.WriteError(CitusErrorRecord.From(answer.Refusal!, table));
    }

    /// <summary>The value itself, or of a row that in its distribution column.</summary>
    private object? ValueOf(object? given) => given switch
    {
        PSObject { BaseObject: PSCustomObject } row => Plain(row.Properties[_resolver!.DistributionColumn]?.Value),
        PSObject wrapped => ValueOf(wrapped.BaseObject),
        IDictionary row => Plain(row[_resolver!.DistributionColumn]),
        DataRow row => row.Table.Columns.Contains(_resolver!.DistributionColumn) ? row[_resolver.DistributionColumn] : null,
        _ => given,
    };

    private static object? Plain(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
