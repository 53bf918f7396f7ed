using System.Collections;
using System.Globalization;
using System.Management.Automation;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Ingest;

/// <summary>A cmdlet that reads CSV for a table: which field goes to which column, and how its text is to be understood.</summary>
public abstract class ShapedCsvCommand : CsvCommand
{
    /// <summary>The columns of fields that are named otherwise: field name, or number from 1, to column.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? ColumnMap { get; set; }

    /// <summary>Fields that are left out, by name, or by number from 1.</summary>
    [Parameter]
    public string[] SkipColumn { get; set; } = [];

    /// <summary>Columns that the file does not have, with a value for all rows, or a script block that gives it for $_, the file.</summary>
    [Parameter]
    [ValidateNotNull]
    public IDictionary? StaticColumn { get; set; }

    /// <summary>
    /// Columns in which the text that stands for NULL does so in quotes too, as where every empty field is written as
    /// ""; * means all.
    /// </summary>
    [Parameter]
    [ArgumentCompleter(typeof(Tables.ColumnCompleter))]
    public string[] ForceNull { get; set; } = [];

    /// <summary>The culture in which the file's numbers and times are written; without it PostgreSQL's own input decides.</summary>
    [Parameter]
    [ArgumentCompleter(typeof(CultureCompleter))]
    public CultureInfo? Culture { get; set; }

    /// <summary>.NET formats of the file's dates and times, such as dd.MM.yyyy.</summary>
    [Parameter]
    public string[] DateTimeFormat { get; set; } = [];

    /// <summary>Texts that mean true, besides PostgreSQL's own.</summary>
    [Parameter]
    public string[] TrueValue { get; set; } = [];

    /// <summary>Texts that mean false, besides PostgreSQL's own.</summary>
    [Parameter]
    public string[] FalseValue { get; set; } = [];

    private protected CsvShape ShapeOf(CsvSource source) => new()
    {
        Fields = Column,
        ColumnMap = Texts.Read(ColumnMap),
        SkipFields = SkipColumn,
        StaticColumns = StaticValues(source),
        ForceNull = ForceNull,
        Culture = Culture,
        DateTimeFormats = DateTimeFormat,
        TrueValues = TrueValue,
        FalseValues = FalseValue,
    };

    /// <summary>A script block's value is asked for each source, with $_ its path or address.</summary>
    private Dictionary<string, object?> StaticValues(CsvSource source) =>
        StaticColumn?.Keys.Cast<object>().Select(k => KeyValuePair.Create(k.ToString()!, StaticColumn[k] switch
    {
        ScriptBlock script => script.InvokeWithContext(null, [new PSVariable("_", source.Name)]).LastOrDefault(),
        var value => value,
    })).ToDictionary(v => v.Key, v => RowReader.Plain(v.Value)) ?? [];
}
