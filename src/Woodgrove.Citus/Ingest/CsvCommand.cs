using System.Management.Automation;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>A cmdlet that reads CSV: which ones.</summary>
public abstract class CsvCommand : CsvReadingCommand
{
    /// <summary>Files, or folders for the .csv files in them, compressed or not; wildcards are resolved.</summary>
    [Parameter(ParameterSetName = "Path", Mandatory = true, Position = 0, ValueFromPipeline = true)]
    [SupportsWildcards]
    [ValidateNotNullOrEmpty]
    public string[] Path { get; set; } = [];

    /// <summary>Files whose names are taken as they stand.</summary>
    [Parameter(ParameterSetName = "LiteralPath", Mandatory = true, ValueFromPipelineByPropertyName = true)]
    [Alias("PSPath", "LP")]
    [ValidateNotNullOrEmpty]
    public string[] LiteralPath { get; set; } = [];

    /// <summary>http or https addresses.</summary>
    [Parameter(ParameterSetName = "Uri", Mandatory = true)]
    [ValidateNotNullOrEmpty]
    public Uri[] Uri { get; set; } = [];

    /// <summary>What is piped to this process: <c>zcat f.gz | pwsh -File load.ps1</c>.</summary>
    [Parameter(ParameterSetName = "StandardInput", Mandatory = true)]
    public SwitchParameter StandardInput { get; set; }

    /// <summary>With a folder: the files of the folders in it too.</summary>
    [Parameter(ParameterSetName = "Path")]
    [Parameter(ParameterSetName = "LiteralPath")]
    public SwitchParameter Recurse { get; set; }

    /// <summary>The table's columns in the file's order; by default the header's names, or all columns.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    public string[]? Column { get; set; }

    /// <summary>
    /// How many seconds a web server may take for its answer, and for each 64 KB of it, before the connection is given
    /// up, and another tried.
    /// </summary>
    [Parameter(ParameterSetName = "Uri")]
    [ValidateRange(1, 86400)]
    public int ReadTimeout { get; set; } = (int)CsvSource.DefaultReadTimeout.TotalSeconds;

    private protected IEnumerable<CsvSource> Sources() => ParameterSetName switch
    {
        "Uri" => Uri.Where(IsWeb).Select(u => CsvSource.Web(u, TimeSpan.FromSeconds(ReadTimeout))),
        "StandardInput" => [CsvSource.Once("standard input", Console.OpenStandardInput)],
        "LiteralPath" => LiteralPath.SelectMany(p => FileArgument.Expand(this, GetUnresolvedProviderPathFromPSPath(p), Recurse))
            .Select(CsvSource.File),
        _ => Path.SelectMany(p => FileArgument.Resolve(this, p)).SelectMany(p => FileArgument.Expand(this, p, Recurse))
            .Select(CsvSource.File),
    };

    private bool IsWeb(Uri address)
    {
        if (address.IsAbsoluteUri && address.Scheme is "http" or "https") return true;
        WriteError(CitusErrorRecord.From(LoadErrors.NotAWebAddress(address), null));
        return false;
    }
}
