using System.Management.Automation;
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

    [Parameter]
    public char Quote { get; set; } = '"';

    /// <summary>The character that makes a quote part of a value; the quote itself by default.</summary>
    [Parameter]
    public char? Escape { get; set; }

    /// <summary>The unquoted text that stands for NULL; empty by default.</summary>
    [Parameter]
    [AllowEmptyString]
    public string NullValue { get; set; } = "";

    private protected CsvDialect Format => new() { Delimiter = Delimiter, Quote = Quote, Escape = Escape, NullValue = NullValue, HasHeader = !NoHeader };
}
