from django.db import migrations, models


def _touch_all(apps, schema_editor):
    """Files that are held, and entries of files that are gone, are described in another way: everything is matched anew, once."""
    if apps.get_model("sync", "Target").objects.exists():
        apps.get_model("sync", "Touch").objects.create(side="file", first_id=0, last_id=2**53)


class Migration(migrations.Migration):

    dependencies = [
        ('sync', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='match',
            name='reason',
            field=models.CharField(blank=True, choices=[('', ''), ('not_hls', 'Not HLS compatible (%(extension)s)'), ('unsupported', 'File type not supported'), ('growing', 'Still being written'), ('held', "Vanished: waits for an administrator's decision"), ('changed', 'Changed since the last sync'), ('returned', 'Here again: its entry will be restored'), ('marked', 'Marked as deleted in the target'), ('unreadable', 'The entry in the target cannot be read')], max_length=16, verbose_name='reason'),
        ),
        migrations.RunPython(_touch_all, migrations.RunPython.noop),
    ]
