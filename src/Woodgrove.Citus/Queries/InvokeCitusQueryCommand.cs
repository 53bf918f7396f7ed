using System.Collections;
using System.Data;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Queries;

/// <summary>The shape of what a query returns.</summary>
public enum QueryOutput
{
    PSObject,
    Hashtable,
    DataTable,

    /// <summary>The first column of the first row, of each result set.</summary>
    Scalar,
}

/// <summary>Runs SQL on the cluster and streams its rows as objects.</summary>
[Cmdlet(VerbsLifecycle.Invoke, "CitusQuery", DefaultParameterSetName = "Query")]
[OutputType(typeof(PSObject), typeof(Hashtable), typeof(DataTable), typeof(NodeResult))]
public sealed class InvokeCitusQueryCommand : ConnectedCmdlet
{
    [Parameter(ParameterSetName = "Query", Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [ValidateNotNullOrEmpty]
    public string Query { get; set; } = "";

    /// <summary>A file of SQL.</summary>
    [Parameter(ParameterSetName = "File", Mandatory = true)]
    [Alias("Path")]
    [ValidateNotNullOrEmpty]
    public string File { get; set; } = "";

    /// <summary>Values for @name in the SQL; they travel apart from it.</summary>
    [Parameter(Position = 1)]
    public IDictionary? Parameter { get; set; }

    [Parameter]
    public QueryOutput As { get; set; }

    /// <summary>Seconds that a statement may take; 0, the default, is for ever.</summary>
    [Parameter]
    [ValidateRange(0, int.MaxValue / 1000)]
    public int Timeout { get; set; }

    /// <summary>Server parameters for this call alone, such as @{ 'citus.enable_repartition_joins' = 'on' }.</summary>
    [Parameter]
    [Alias("Settings")]
    public IDictionary? Setting { get; set; }

    /// <summary>Runs the query on nodes or shards by themselves, and gives an object for each.</summary>
    [Parameter]
    public QueryTargets? On { get; set; }

    /// <summary>With -On Shards or Placements: the table, whose shards' names stand for {shard} in the query.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string? Table { get; set; }

    /// <summary>With -On: lets the query write. The nodes do not keep the cluster consistent then.</summary>
    [Parameter]
    public SwitchParameter AllowWrite { get; set; }

    /// <summary>With -On: how many nodes or shards are asked at a time.</summary>
    [Parameter]
    [ValidateRange(1, 1000)]
    public int ThrottleLimit { get; set; } = 8;

    protected override void ProcessRecord()
    {
        string? path = ParameterSetName == "File" ? GetUnresolvedProviderPathFromPSPath(File) : null;
        CitusConnection cluster = Cluster;
        Run(async (output, stop) =>
        {
            string sql = path is null ? Query : await System.IO.File.ReadAllTextAsync(path, stop);
            var query = new CitusQuery(sql)
            {
                Parameters = PlainValues.Of(Parameter),
                Settings = PlainValues.Of(Setting),
                Timeout = TimeSpan.FromSeconds(Timeout),
                Notice = output.Verbose,
            };
            if (On is { } on)
            {
                await RunOnNodesAsync(cluster, query, on, output, stop);
                return;
            }
            if (GivenWithoutOn() is { } parameter) throw NodeQueryErrors.NeedsOn(parameter);
            var sink = new RowSink(output, As);
            await query.RunAsync(cluster, sink, stop);
            await sink.FinishAsync();
        }, path ?? (object)Query);
    }

    private async Task RunOnNodesAsync(CitusConnection cluster, CitusQuery query, QueryTargets on, CmdletOutput output,
        CancellationToken stop)
    {
        var everywhere = new NodeQuery(query, on, () => new RowCollector(As))
            { Table = Table, AllowWrite = AllowWrite, ThrottleLimit = ThrottleLimit };
        (int failed, int all) = (0, 0);
        await foreach (NodeResult result in everywhere.RunAsync(cluster, stop))
        {
            (failed, all) = (failed + (result.Success ? 0 : 1), all + 1);
            await output.ObjectAsync(result);
        }
        if (failed > 0) output.Warning($"The query failed on {failed} of {all}; their objects have Success = False, and the Error.");
    }

    private string? GivenWithoutOn() =>
        new[] { nameof(Table), nameof(AllowWrite), nameof(ThrottleLimit) }.FirstOrDefault(MyInvocation.BoundParameters.ContainsKey);
}
