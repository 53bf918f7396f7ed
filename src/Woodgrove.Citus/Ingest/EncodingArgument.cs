using System.Management.Automation;
using System.Text;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads -Encoding: PowerShell's names, any name or code page that .NET knows, or an Encoding.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class EncodingTransformationAttribute : ArgumentTransformationAttribute
{
    static EncodingTransformationAttribute() => Encoding.RegisterProvider(CodePagesEncodingProvider.Instance);

    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject wrapped ? wrapped.BaseObject : inputData;
        try
        {
            return value switch
            {
                Encoding encoding => encoding,
                int codePage => Encoding.GetEncoding(codePage),
                _ => value.ToString()!.ToLowerInvariant() switch
                {
                    "utf8" or "utf-8" or "utf8nobom" => new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
                    "utf8bom" => Encoding.UTF8,
                    "unicode" => Encoding.Unicode,
                    "bigendianunicode" => Encoding.BigEndianUnicode,
                    "utf32" => Encoding.UTF32,
                    "ansi" => Encoding.GetEncoding(System.Globalization.CultureInfo.CurrentCulture.TextInfo.ANSICodePage),
                    "oem" => Encoding.GetEncoding(System.Globalization.CultureInfo.CurrentCulture.TextInfo.OEMCodePage),
                    string name => Encoding.GetEncoding(name),
                },
            };
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new ArgumentTransformationMetadataException($"'{value}' is no encoding: use a name such as utf8, unicode, "
                + "windows-1252 or iso-8859-1, or a code page.", e);
        }
    }
}
