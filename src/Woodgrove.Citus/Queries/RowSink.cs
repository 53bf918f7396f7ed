using System.Collections;
using System.Data;
using System.Management.Automation;
using Woodgrove.Citus.Pipeline;

namespace Woodgrove.Citus.Queries;

/// <summary>Makes PowerShell objects of rows, on the pipeline thread, while the next rows are read.</summary>
internal sealed class RowSink(CmdletOutput output, QueryOutput shape) : IResultSink
{
    private string[] _names = [];
    private DataTable? _table;
    private bool _scalarGiven;

    public async ValueTask BeginAsync(IReadOnlyList<ResultColumn> columns)
    {
        await FinishAsync();
        _names = columns.Select(c => c.Name).ToArray();
        _scalarGiven = false;
        if (shape != QueryOutput.DataTable) return;
        _table = new DataTable { Locale = System.Globalization.CultureInfo.InvariantCulture };
        foreach (ResultColumn column in columns) _table.Columns.Add(column.Name, column.Type);
    }

    public ValueTask RowsAsync(object?[][] rows)
    {
        string[] names = _names;
        switch (shape)
        {
            case QueryOutput.PSObject:
                return output.Async(cmdlet => { foreach (object?[] row in rows) cmdlet.WriteObject(Object(names, row)); });
            case QueryOutput.Hashtable:
                return output.Async(cmdlet => { foreach (object?[] row in rows) cmdlet.WriteObject(Table(names, row)); });
            case QueryOutput.DataTable:
                foreach (object?[] row in rows) _table!.Rows.Add(row);
                return default;
            default:
                if (_scalarGiven) return default;
                _scalarGiven = true;
                object? first = rows[0][0];
                return output.Async(cmdlet => cmdlet.WriteObject(first));
        }
    }

    /// <summary>Gives out the table of the last result set.</summary>
    public async ValueTask FinishAsync()
    {
        if (_table is not { } table) return;
        _table = null;
        await output.Async(cmdlet => cmdlet.WriteObject(table, enumerateCollection: false));
    }

    internal static PSObject Object(string[] names, object?[] row)
    {
        var value = new PSObject();
        // Names are distinct already, so the check for a duplicate would only cost time.
        for (int i = 0; i < row.Length; i++) value.Properties.Add(new PSNoteProperty(names[i], row[i]), preValidated: true);
        return value;
    }

    internal static Hashtable Table(string[] names, object?[] row)
    {
        var value = new Hashtable(row.Length, StringComparer.OrdinalIgnoreCase);
        for (int i = 0; i < row.Length; i++) value[names[i]] = row[i];
        return value;
    }
}
