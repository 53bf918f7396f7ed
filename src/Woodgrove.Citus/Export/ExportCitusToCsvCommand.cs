using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Connections;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Ingest;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Queries;
using Woodgrove.Citus.Sql;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Export;

/// <summary>Writes a table, or what a query returns, to a CSV file: all of it or no file.</summary>
[Cmdlet(VerbsData.Export, "CitusToCsv", DefaultParameterSetName = "Table", SupportsShouldProcess = true)]
[OutputType(typeof(ExportResult))]
public sealed class ExportCitusToCsvCommand : CsvFormatCommand
{
    [Parameter(ParameterSetName = "Table", Mandatory = true, Position = 0, ValueFromPipelineByPropertyName = true)]
    [ArgumentCompleter(typeof(TableCompleter))]
    [ValidateNotNullOrEmpty]
    public string Table { get; set; } = "";

    /// <summary>A query whose rows to write.</summary>
    [Parameter(ParameterSetName = "Query", Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public string Query { get; set; } = "";

    /// <summary>Values for @name in the query.</summary>
    [Parameter(ParameterSetName = "Query")]
    public IDictionary? Parameter { get; set; }

    /// <summary>The file to write; one that ends in .gz is compressed.</summary>
    [Parameter(Mandatory = true, Position = 1, ValueFromPipelineByPropertyName = true)]
    [Alias("LiteralPath")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    /// <summary>The columns to write, in this order; by default all that can be loaded again.</summary>
    [Parameter(ParameterSetName = "Table")]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    public string[]? Column { get; set; }

    /// <summary>The unquoted text that stands for NULL; empty by default.</summary>
    [Parameter]
    [AllowEmptyString]
    public string NullValue { get; set; } = "";

    private protected override CsvDialect Dialect => base.Dialect with { NullValue = NullValue };

    /// <summary>Writes gzip, whatever the file's name.</summary>
    [Parameter]
    public SwitchParameter Compress { get; set; }

    /// <summary>Puts an apostrophe before values that a spreadsheet would run as formulas.</summary>
    [Parameter]
    public SwitchParameter EscapeFormula { get; set; }

    /// <summary>Refuses a file that exists.</summary>
    [Parameter]
    public SwitchParameter NoClobber { get; set; }

    /// <summary>Replaces even a read-only file.</summary>
    [Parameter]
    public SwitchParameter Force { get; set; }

    /// <summary>Reads the shards from their nodes, side by side, as of one instant.</summary>
    [Parameter(ParameterSetName = "Table")]
    public SwitchParameter Parallel { get; set; }

    /// <summary>Addresses for nodes whose own names can't be reached from here: name (or name:port) to host (or host:port).</summary>
    [Parameter(ParameterSetName = "Table")]
    [ValidateNotNull]
    public IDictionary? NodeAddress { get; set; }

    protected override void ProcessRecord()
    {
        CitusConnection cluster = Cluster.WithNodeAddress(Texts.Read(NodeAddress));
        string path = GetUnresolvedProviderPathFromPSPath(Path);
        bool isTable = ParameterSetName == "Table";
        if (!Agree(path, isTable ? $"Export {Table}" : "Export the query's rows", out bool isTrial)) return;
        RunEach(async (output, stop) =>
        {
            var bar = new ExportProgressBar(output, isTable ? Table : "the query's rows");
            var export = new CsvExport(cluster, path)
            {
                Table = isTable ? TableName.Parse(Table) : null,
                Columns = Column,
                Query = isTable ? null : Query,
                Parameters = PlainValues.Of(Parameter),
                Dialect = Dialect,
                Compress = Compress || path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase),
                EscapeFormula = EscapeFormula,
                Overwrite = !NoClobber,
                Force = Force,
                Parallel = Parallel,
                Progress = bar.Report,
                Explain = output.Verbose,
                Warn = output.Warning,
            };
            if (isTrial)
            {
                await export.CheckAsync(stop);
                return;
            }
            try
            {
                await output.ObjectAsync(await export.RunAsync(stop));
            }
            finally
            {
                bar.Complete();
            }
        }, path);
    }
}
