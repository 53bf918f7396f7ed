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

    private static object? Of(object? value, int depth = 0) => value switch
    {
        PSObject { BaseObject: PSCustomObject } or IDictionary => RowReader.Plain(value),
        System.Xml.XmlNode xml => xml.OuterXml,
        PSObject wrapped => Of(wrapped.BaseObject, depth),
        // An array that holds itself; the reader of rows has the error.
        object[] when depth > 60 => RowReader.Plain(value),
        object[] list => Array.ConvertAll(list, item => Of(item, depth + 1)),
        // Lists of no one type, as scripts collect them.
        ArrayList or List<object> => Of(((IEnumerable)value).Cast<object?>().ToArray(), depth),
        _ => value,
    };
}
