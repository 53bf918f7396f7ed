using System.Collections;
using System.Data;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Pipeline;

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
[OutputType(typeof(PSObject), typeof(Hashtable), typeof(DataTable))]
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
            var sink = new RowSink(output, As);
            await query.RunAsync(cluster, sink, stop);
            await sink.FinishAsync();
        }, path ?? (object)Query);
    }
}
