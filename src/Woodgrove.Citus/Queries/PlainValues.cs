using System.Collections;
using System.Management.Automation;
using Woodgrove.Citus.Ingest;

namespace Woodgrove.Citus.Queries;

/// <summary>Dictionaries as the engine wants them: without PowerShell's wrappers around the values.</summary>
internal static class PlainValues
{
    public static Hashtable? Of(IDictionary? values)
    {
        if (values is null) return null;
        var plain = new Hashtable();
        foreach (DictionaryEntry entry in values) plain[entry.Key] = Of(entry.Value);
        return plain;
    }

    private static object? Of(object? value) => value switch
    {
        PSObject { BaseObject: PSCustomObject } or IDictionary => RowReader.Plain(value),
        PSObject wrapped => Of(wrapped.BaseObject),
        object[] list => Array.ConvertAll(list, Of),
        // Lists of no one type, as scripts collect them.
        ArrayList or List<object> => ((IEnumerable)value).Cast<object?>().Select(Of).ToArray(),
        _ => value,
    };
}
