using System.Management.Automation;
using System.Text;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>A cmdlet that reads or writes CSV: its dialect.</summary>
public abstract class CsvFormatCommand : ConnectedCmdlet
{
    /// <summary>There is no line of names before the rows.</summary>
    [Parameter]
    public SwitchParameter NoHeader { get; set; }

    [Parameter]
    public char Delimiter { get; set; } = ',';

    /// <summary>The quote character; $null where the file has no quoting, so that a quote in it is part of the value.</summary>
    [Parameter]
    [AllowNull]
    public char? Quote { get; set; } = '"';

    /// <summary>The character that makes a quote part of a value; the quote itself by default.</summary>
    [Parameter]
    public char? Escape { get; set; }

    /// <summary>The file's encoding, where no byte order mark in it says another; UTF-8 by default.</summary>
    [Parameter]
    [EncodingTransformation]
    [ArgumentCompleter(typeof(EncodingCompleter))]
    public Encoding? Encoding { get; set; }

    private protected virtual CsvDialect Dialect => new()
    {
        Delimiter = Delimiter,
        Quote = Quote ?? CsvDialect.NoQuote,
        Escape = Escape,
        HasHeader = !NoHeader,
        Encoding = Encoding,
    };
}
