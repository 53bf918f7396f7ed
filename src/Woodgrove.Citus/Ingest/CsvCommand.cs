using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Pipeline;
using Woodgrove.Citus.Tables;

namespace Woodgrove.Citus.Ingest;

/// <summary>A cmdlet that reads CSV: which ones, and how they are written.</summary>
public abstract class CsvCommand : ConnectedCmdlet
{
    /// <summary>Files; wildcards are resolved.</summary>
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

    /// <summary>The table's columns in the file's order; by default the header's names, or all columns.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(ColumnCompleter))]
    public string[]? Column { get; set; }

    /// <summary>The first line holds data.</summary>
    [Parameter]
    public SwitchParameter NoHeader { get; set; }

    [Parameter]
    public char Delimiter { get; set; } = ',';

    [Parameter]
    public char Quote { get; set; } = '"';

    /// <summary>The character that makes a quote part of a value; the quote itself by default.</summary>
    [Parameter]
    public char? Escape { get; set; }

    /// <summary>The unquoted text that stands for NULL; empty by default.</summary>
    [Parameter]
    [AllowEmptyString]
    public string NullValue { get; set; } = "";

    /// <summary>The file's encoding where no byte order mark says another; UTF-8 by default.</summary>
    [Parameter]
    [EncodingTransformation]
    public Encoding? Encoding { get; set; }

    private protected CsvDialect Dialect => new()
    {
        Delimiter = Delimiter, Quote = Quote, Escape = Escape, NullValue = NullValue, HasHeader = !NoHeader, Encoding = Encoding,
    };

    private protected IEnumerable<CsvSource> Sources() => ParameterSetName switch
    {
        "Uri" => Uri.Select(CsvSource.Web),
        "LiteralPath" => LiteralPath.Select(p => CsvSource.File(GetUnresolvedProviderPathFromPSPath(p))),
        _ => Path.SelectMany(Resolve).Select(CsvSource.File),
    };

    private IEnumerable<string> Resolve(string path)
    {
        try
        {
            // Brackets that match nothing are a file object's name, or a pattern that must not pass for a load.
            IReadOnlyCollection<string> found = GetResolvedProviderPathFromPSPath(path, out _);
            return found.Count > 0 ? found : [GetUnresolvedProviderPathFromPSPath(path)];
        }
        catch (ItemNotFoundException)
        {
            // The source itself says that there is no such file, in words that help.
            return [GetUnresolvedProviderPathFromPSPath(path)];
        }
        catch (Exception e) when (e is System.Management.Automation.DriveNotFoundException or ProviderNotFoundException)
        {
            WriteError(CitusErrorRecord.From(new CitusException("CitusFileNotFound", CitusErrorKind.ObjectNotFound, e.Message,
                "Name a file, or use -Uri for a web address.", e), path));
            return [];
        }
    }
}
